"""Black and white of a set of images: one range, one type of levels, one white for all.

Covers: the range as it is asked for, as the encoder was trained with, or as it is found; what is said of it. Does not
cover: the rules themselves (`fastssl.data.values.value_range`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.config.data import FULL_RANGE
from fastssl.data.facts import CLIPPED_WARNING
from fastssl.data.values.range_words import describe_depth, describe_range, share_outside
from fastssl.data.values.value_range import (
    ValueRange,
    check_one_kind,
    levels_dtype,
    ranged_span,
    resolve_range,
    to_levels,
)
from fastssl.data.values.value_span import describe_marks

from .files import RawSample

_LEAST_USED = 1 / 16
"""Images that use less of a range than this have lost four bits in it."""


@dataclass(frozen=True, kw_only=True)
class RangeRequest:
    """Which range is asked for.

    Attributes:
        given: the user gave `setting`, None for auto.
        setting: "LOW,HIGH", "full" or None.
        trained: the range that each encoder was trained with, as `EncoderSpec.value_range` keeps it, in their order;
            empty where all encoders are new.
    """

    given: bool = False
    setting: str | None = None
    trained: Sequence[str | None] = ()


@dataclass(frozen=True, kw_only=True)
class SetLevels:
    """How the values of all images become levels.

    Attributes:
        value_range: black and white; None: 8-bit images as they are.
        dtype: of the levels, uint8 or uint16.
        text: the range for a person, and where it comes from.
        depth: bits of a value in the files.
        notes: a line for each thing that a user may not expect.
    """

    value_range: ValueRange | None
    dtype: np.dtype
    text: str
    depth: str
    notes: tuple[str, ...]

    def of(self, image: np.ndarray) -> np.ndarray:
        """Return an image's levels.

        Args:
            image: in its file's type and values.
        """
        return to_levels(image, self.value_range, self.dtype)


def find_levels(samples: Sequence[RawSample], request: RangeRequest) -> SetLevels:
    """Say how the values of all images become levels.

    Args:
        samples: all images of the set.
        request: the range that is asked for.

    Raises:
        DataError: no range fits all images.
    """
    spans = [sample.span for sample in samples]
    trained = request.trained[0] if request.trained and not request.given else None
    known = trained not in (None, FULL_RANGE)
    setting = request.setting if request.given else trained if known else None
    check_one_kind({str(sample.pair.image): sample.span for sample in samples}, setting)
    eight_bit = all(span.dtype == np.uint8 for span in spans)
    as_trained = not request.given and bool(request.trained) and not known and eight_bit
    value_range = None if as_trained else resolve_range(setting, spans)
    text = describe_range(value_range, spans, setting)
    notes = list(describe_marks(ranged_span(spans))) if setting is None else []
    if setting is not None and value_range is not None:
        notes += _clipped(samples, value_range) + (_hardly_used(samples, value_range) if known else [])
    if not request.given and len(set(request.trained)) > 1:
        ranges = ", ".join(str(one or FULL_RANGE) for one in request.trained)
        notes.append(
            f"warning: the encoders were trained on different value ranges ({ranges}); all see the images by the first "
            "one's, unless --value-range is given"
        )
    return SetLevels(
        value_range=value_range,
        dtype=levels_dtype(spans, value_range),
        text=text.replace("as given", "as in training") if known else text,
        depth=describe_depth(spans),
        notes=tuple(notes),
    )


def _clipped(samples: Sequence[RawSample], value_range: ValueRange) -> list[str]:
    """A line on values outside of a range that was not found in these images."""
    total = sum(sample.image.size for sample in samples)
    outside = sum(share_outside(sample.image, value_range) * sample.image.size for sample in samples) / total
    if not outside:
        return []
    share = f"{outside:.1%}" if outside >= 0.001 else "less than 0.1 %"
    if outside <= CLIPPED_WARNING:
        return [f"{share} of the values are outside of this range and clipped"]
    return [f"warning: {share} of the values are outside of this range and clipped; see --value-range auto"]


def _hardly_used(samples: Sequence[RawSample], value_range: ValueRange) -> list[str]:
    """A line on images that are nearly of one grey level in a range that was not found in them."""
    span = ranged_span([sample.span for sample in samples])
    if span.highest - span.lowest >= _LEAST_USED * (value_range.high - value_range.low):
        return []
    values = f"{span.lowest:.9g} to {span.highest:.9g}"
    return [f"warning: the values go from {values}, a small part of this range; see --value-range auto"]

"""Where the field of view is, in a set of field-of-view masks.

Covers: the same values as other masks have, without a choice. Does not cover: reading files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastssl.errors import DataError

from .coded import CodedMask
from .edges import half_way
from .scale import common_scale, lighter_value


def field_tables(masks: Sequence[CodedMask], folder: Path) -> tuple[np.ndarray, ...]:
    """Say which values lie inside the field of view; where all masks are of one value but 0, all is inside.

    Args:
        masks: all field-of-view masks of a set, at least one.
        folder: of the masks, for errors.

    Returns:
        Of each mask, which of its values are inside; bool `[K]`.

    Raises:
        DataError: there are more than two values, or nothing of an image is inside.
    """
    scale = common_scale(masks)
    values = frozenset(scale.pixels) if len(scale.pixels) == 1 else lighter_value(scale)
    cut = half_way(masks, scale) if values is None else None
    if values is None and cut is None:
        raise DataError(
            f"{folder}: field-of-view masks hold {scale.listed()}; they need 0 outside and one other value inside"
        )
    inside = tuple(
        np.isin(keys, list((values or frozenset()) - {0})) if cut is None else keys >= cut for keys in scale.keys
    )
    for mask, table in zip(masks, inside, strict=True):
        if not table.any():
            raise DataError(
                f"{mask.path}: nothing lies inside the field of view; leave this image out, or mend its mask"
            )
    return inside

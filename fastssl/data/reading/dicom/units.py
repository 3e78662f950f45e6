"""From stored values to the units of the modality, such as Hounsfield's.

Covers: the modality LUT, rescaling of a file and of each frame (PS3.3 C.11.1, C.7.6.16.2.9). Does not cover: windows
(`windows.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from .elements import items, numbers, text
from .lookup import LookupTable, lookup_table


@dataclass(frozen=True, kw_only=True)
class Units:
    """How stored values become values in units.

    Args:
        slope: by which they are multiplied.
        intercept: that is added then.
        table: that is used instead; None: there is none.
        stated: the file says one of these.
    """

    slope: float = 1.0
    intercept: float = 0.0
    table: LookupTable | None = None
    stated: bool = False

    @property
    def unchanged(self) -> bool:
        """Return whether values in units are the stored values."""
        return self.table is None and (self.slope, self.intercept) == (1.0, 0.0)

    def apply(self, stored: np.ndarray) -> np.ndarray:
        """Bring stored values to units.

        Args:
            stored: of any shape and real type.

        Returns:
            float32 of the same shape, float64 where the values have more than 16 bits; infinite where they are too
            large for it.
        """
        if self.table is not None:
            return self.table.apply(stored).astype(np.float32)
        values = stored.astype(np.float32 if stored.dtype.itemsize <= 2 else np.float64)
        if not self.unchanged:
            with np.errstate(over="ignore", invalid="ignore"):
                values = values * values.dtype.type(self.slope) + values.dtype.type(self.intercept)
        return values


def units_of(header: Dataset, frame: int, *, signed: bool) -> Units:
    """Read how the stored values of a frame become values in units.

    Args:
        header: of the file.
        frame: number of the frame.
        signed: stored values may be negative.

    Returns:
        What the frame says, else what all frames share, else what the file says; of a slope of 0 or one that is
        missing, 1.
    """
    if places := functional_groups(header, frame, "PixelValueTransformationSequence"):
        return _rescale(places[0])
    table = next((lookup_table(item, signed=signed) for item in items(header, "ModalityLUTSequence")), None)
    return Units(table=table, stated=True) if table is not None else _rescale(header)


def in_hounsfield(header: Dataset, units: Units) -> bool:
    """Tell whether values are Hounsfield units: CT, rescaled, in no other unit.

    Some scanners write US, unspecified, for them.

    Args:
        header: of the file.
        units: of the frame.
    """
    unit = text(header, "RescaleType").upper()
    return text(header, "Modality").upper() == "CT" and units.stated and unit in ("", "HU", "US")


def functional_groups(header: Dataset, frame: int, sequence: str) -> list[Dataset]:
    """Find what a multi-frame file says of a frame (PS3.3 C.7.6.16).

    Args:
        header: of the file.
        frame: number of the frame.
        sequence: keyword of the group.

    Returns:
        The first item of the group of the frame and of that of all frames, those that there are.
    """
    own = items(header, "PerFrameFunctionalGroupsSequence")
    groups = [*own[frame : frame + 1], *items(header, "SharedFunctionalGroupsSequence")[:1]]
    return [found[0] for group in groups if (found := items(group, sequence))]


def _rescale(place: Dataset) -> Units:
    slope, intercept = numbers(place, "RescaleSlope"), numbers(place, "RescaleIntercept")
    return Units(
        slope=slope[0] if slope and slope[0] else 1.0,
        intercept=intercept[0] if intercept else 0.0,
        stated=bool(slope or intercept),
    )


def padding_range(header: Dataset, *, signed: bool) -> tuple[float, float] | None:
    """Read which stored values are padding, around the image and not of it (PS3.3 C.7.5.1.1.2).

    Args:
        header: of the file.
        signed: stored values may be negative.

    Returns:
        The lowest and the highest; None where there is no padding.
    """
    value = numbers(header, "PixelPaddingValue", signed=signed)
    limit = numbers(header, "PixelPaddingRangeLimit", signed=signed)
    ends = [*value[:1], *limit[:1]] if value else []
    return (min(ends), max(ends)) if ends else None

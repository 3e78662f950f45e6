"""Black and white of a grey image, as its header, the image itself or the user says.

Covers: windows with the functions LINEAR, LINEAR_EXACT and SIGMOID and the VOI LUT (PS3.3 C.11.2), per-frame ones, what
is taken where there is none. Does not cover: units (`units.py`), windows in numbers (`fastssl.data.reading.windowing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset

from fastssl.data.reading.windowing import TOP

from .elements import items, numbers, text
from .lookup import LookupTable, lookup_table
from .units import functional_groups

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


@dataclass(frozen=True, kw_only=True)
class HeaderWindow:
    """The first window of a header.

    Args:
        centre: in units.
        width: likewise, above 0; of LINEAR at least 1.
        function: how values between black and white become grey.
    """

    centre: float
    width: float
    function: Function = "LINEAR"

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Bring values to grey levels (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1, C.11.2.1.3.2).

        Args:
            values: of any shape, in units.

        Returns:
            uint16 of the same shape, 0 to 65535.
        """
        values = values.astype(np.float64)
        if self.function == "SIGMOID":
            with np.errstate(over="ignore"):
                share = 1 / (1 + np.exp(-4 * (values - self.centre) / self.width))
        elif self.function == "LINEAR_EXACT":
            share = (values - self.centre) / self.width + 0.5
        elif self.width > 1:
            share = (values - (self.centre - 0.5)) / (self.width - 1) + 0.5
        else:
            share = (values > self.centre - 0.5).astype(np.float64)
        return np.rint(np.clip(share, 0, 1) * TOP).astype(np.uint16)


def header_window(header: Dataset, frame: int, *, signed: bool) -> HeaderWindow | LookupTable | None:
    """Read the first window, or the VOI LUT, of a frame.

    Args:
        header: of the file.
        frame: number of the frame.
        signed: values in units may be negative.

    Returns:
        The table where there is one, else the window; of a frame before that of all frames, and before that of the
        file. None where there is none, or its width is not above 0.
    """
    for place in (*functional_groups(header, frame, "FrameVOILUTSequence"), header):
        tables = [table for item in items(place, "VOILUTSequence") if (table := lookup_table(item, signed=signed))]
        if tables:
            return tables[0]
        if window := _window(place):
            return window
    return None


def through_table(values: np.ndarray, table: LookupTable) -> np.ndarray:
    """Bring values to grey levels by a VOI LUT.

    Args:
        values: of any shape, in units.
        table: the LUT.

    Returns:
        uint16 of the same shape, 0 to 65535 for 0 to the largest value that an entry may have.
    """
    return np.rint(table.apply(values) * (TOP / table.top)).astype(np.uint16)


def _window(place: Dataset) -> HeaderWindow | None:
    centres, widths = numbers(place, "WindowCenter"), numbers(place, "WindowWidth")
    if not centres or not widths:
        return None
    stated = text(place, "VOILUTFunction").upper()
    function: Function = "SIGMOID" if stated == "SIGMOID" else "LINEAR_EXACT" if stated == "LINEAR_EXACT" else "LINEAR"
    if widths[0] <= 0:
        return None
    if function == "LINEAR" and widths[0] < 1:  # as files of fractions have it, where LINEAR has no meaning
        function = "LINEAR_EXACT"
    return HeaderWindow(centre=centres[0], width=widths[0], function=function)

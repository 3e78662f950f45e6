"""The slices of a volume, whatever its format.

Covers: which slices, their channels, grey levels and square pixels. Does not cover: where they lie (`cut.py`), black
and white (`grey_scale.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from fastssl.data.reading.options import ReadingOptions
from fastssl.data.reading.records import RawImage
from fastssl.data.reading.samples import ImageHeader, UnreadableError
from fastssl.data.reading.scans import ScanReader

from .cut import choose_cut
from .grey_scale import GreyScale, is_empty
from .square_pixels import resampled, square_size
from .volume import Volume


class VolumeReader(ScanReader):
    """Reads the slices of one volume.

    Args:
        volume: as its format's reader found it.
        options: how files are read.

    Raises:
        UnreadableError: it cannot be cut, or not made into channels, as the options say.
    """

    def __init__(self, volume: Volume, options: ReadingOptions) -> None:
        if volume.colour and (options.neighbours or len(options.windows) == 3):
            chosen = "neighbours" if options.neighbours else "three windows"
            raise UnreadableError(f"a volume in colour, of which {chosen} make no channels; leave that option out")
        self._volume, self._options = volume, options
        self._cut = choose_cut(volume, options.axis)
        self._depth, height, width = (volume.shape[axis] for axis in self._cut.axes)
        self._square = square_size(height, width, self._cut.spacing[1:])
        self.size = self._square[::-1]

    @cached_property
    def header(self) -> ImageHeader:
        options, colour = self._options, self._volume.colour
        return ImageHeader(
            width=self.size[0],
            height=self.size[1],
            channels=3 if colour or options.neighbours or len(options.windows) == 3 else 1,
            dtype=np.dtype(np.uint8 if colour else np.uint16),
            pages=self._depth,
            frames=len(self._numbers),
        )

    def frames(self) -> Iterator[RawImage]:
        volume = self._volume
        stored = volume.load()
        slices = self._cut.slices(stored)
        scale = None if volume.colour else GreyScale(stored, volume.slope, volume.intercept, self._options.windows)
        for number in self._numbers:
            pixels = self._colours(slices[number]) if scale is None else self._grey(slices, number, scale)
            if pixels is not None:
                yield RawImage(
                    pixels=pixels,
                    pages=self._depth,
                    notes=(f"slices of a volume, {self._cut.name}", *volume.notes, *(scale.notes if scale else ())),
                    frame=number,
                    windowed=True,
                )

    @property
    def _numbers(self) -> range:
        return range(0, self._depth, self._options.every)

    def _grey(self, slices: np.ndarray, number: int, scale: GreyScale) -> np.ndarray | None:
        """`[H, W, C]` uint16 of one slice, and of its neighbours if they are wanted; None where it is empty."""
        values = scale.values(slices[number])
        grey = scale.grey(values)
        if is_empty(grey):
            return None
        if self._options.neighbours:  # the first and the last slice are their own neighbours
            before, after = max(0, number - 1), min(self._depth - 1, number + 1)
            three = (scale.values(slices[before]), values, scale.values(slices[after]))
            return np.concatenate([scale.grey(resampled(one, self._square)) for one in three], axis=-1)
        return grey if values.shape == self._square else scale.grey(resampled(values, self._square))

    def _colours(self, colours: np.ndarray) -> np.ndarray | None:
        """`[H, W, 3]` uint8 of one slice; None where it is empty."""
        if is_empty(colours):
            return None
        if colours.shape[:2] == self._square:
            return np.ascontiguousarray(colours)
        return np.rint(resampled(colours.astype(np.float32), self._square)).astype(np.uint8)

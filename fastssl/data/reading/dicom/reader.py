"""Reading one DICOM file.

Covers: its header, which frames are taken, neighbours as channels, and what is said of each image. Does not cover: the
steps from stored values to an image (`grey.py`, `colour.py`), neighbours of slices that are files of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import BinaryIO

import numpy as np

from fastssl.data.reading.options import ReadingOptions
from fastssl.data.reading.records import RawImage
from fastssl.data.reading.samples import ImageHeader
from fastssl.data.reading.scans import ScanReader

from .colour import Palette, colour_dtype, read_palette, to_rgb
from .elements import text
from .facts import file_facts
from .geometry import frame_order
from .grey import GreyFrame, in_units, to_grey_levels
from .header import OVERLAY_ROWS, read_header
from .no_image import holds_image
from .pixels import GREY, PALETTE, PixelLayout, pixel_layout, stored_frames
from .syntaxes import decoder_of

BURNED_IN = "text burned into the image (BurnedInAnnotation is YES), left as it is"
OVERLAY = "overlay planes, left out"
COLOUR = "colour, to which no window applies"


class DicomReader(ScanReader):
    """Reads the images of a DICOM file.

    Args:
        file: the file, from its start.
        options: how files are read.

    Raises:
        UnreadableError: it cannot be read; the text holds nothing of its header but what the pixels are like.
    """

    def __init__(self, file: BinaryIO, options: ReadingOptions) -> None:
        self._options, self._file = options, read_header(file)
        self._elements, pixels = self._file.elements, self._file.pixels
        self._layout: PixelLayout | None = None
        if pixels is not None and holds_image(self._elements, pixels):
            self._layout = pixel_layout(self._file, pixels)
            decoder_of(self._file.syntax)  # that it can be decoded is known when folders are looked through
        self.size = (self._layout.columns, self._layout.rows) if self._layout else (0, 0)

    @cached_property
    def header(self) -> ImageHeader:
        """What is known without decoding any image; no frames where the file holds none."""
        facts, layout = file_facts(self._elements), self._layout
        if layout is None:
            return ImageHeader(width=0, height=0, channels=1, dtype=np.dtype(np.uint16), pages=0, frames=0, facts=facts)
        return ImageHeader(
            width=layout.columns,
            height=layout.rows,
            channels=self._channels(layout),
            dtype=self._dtype(layout),
            pages=layout.frames,
            frames=len(range(0, layout.frames, self._options.every)),
            facts=facts,
        )

    def frames(self) -> Iterator[RawImage]:
        layout = self._layout
        if layout is None:
            return
        order = frame_order(self._elements, layout.frames)
        taken = range(0, layout.frames, self._options.every)
        if layout.photometric in GREY:
            yield from self._grey_frames(layout, order, taken)
        else:
            yield from self._colour_frames(layout, [order[place] for place in taken])

    def _grey_frames(self, layout: PixelLayout, order: Sequence[int], taken: range) -> Iterator[RawImage]:
        beside = 1 if self._options.neighbours and layout.frames > 1 else 0
        last = layout.frames - 1
        needed = sorted({min(max(place + step, 0), last) for place in taken for step in range(-beside, beside + 1)})
        decoded = zip(needed, stored_frames(self._file, layout, [order[place] for place in needed]), strict=True)
        held: dict[int, GreyFrame] = {}
        for place in taken:
            places = [min(max(place + step, 0), last) for step in range(-beside, beside + 1)]
            held = {at: frame for at, frame in held.items() if at in places}
            while places[-1] not in held:
                at, stored = next(decoded)
                held[at] = in_units(stored, self._elements, layout, order[at])
            frames = [held[at] for at in places]
            pixels, notes = to_grey_levels(frames, self._elements, layout, order[place], self._options)
            yield self._image(pixels, layout, order[place], notes)

    def _colour_frames(self, layout: PixelLayout, order: Sequence[int]) -> Iterator[RawImage]:
        palette = self._palette if layout.photometric == PALETTE else None
        notes = (COLOUR,) if self._options.windows else ()
        for number, stored in zip(order, stored_frames(self._file, layout, order), strict=True):
            pixels = palette.apply(stored) if palette else to_rgb(stored, layout)
            yield self._image(pixels, layout, number, notes)

    def _image(self, pixels: np.ndarray, layout: PixelLayout, number: int, notes: tuple[str, ...]) -> RawImage:
        return RawImage(
            pixels=pixels, pages=layout.frames, notes=(*notes, *self._left_alone), frame=number, windowed=True
        )

    def _channels(self, layout: PixelLayout) -> int:
        if layout.photometric not in GREY:
            return 3
        return 3 if len(self._options.windows) == 3 or (self._options.neighbours and layout.frames > 1) else 1

    def _dtype(self, layout: PixelLayout) -> np.dtype:
        if layout.photometric in GREY:
            return np.dtype(np.uint16)
        return self._palette.colours.dtype if layout.photometric == PALETTE else colour_dtype(layout)

    @cached_property
    def _palette(self) -> Palette:
        return read_palette(self._elements, signed=bool(self._layout and self._layout.signed))

    @cached_property
    def _left_alone(self) -> tuple[str, ...]:
        """What the file has and no step touches."""
        burned = text(self._elements, "BurnedInAnnotation").upper() == "YES"
        overlay = any(tag in self._elements for tag in OVERLAY_ROWS)
        return (*((BURNED_IN,) if burned else ()), *((OVERLAY,) if overlay else ()))

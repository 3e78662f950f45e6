"""Colour images of DICOM files as RGB.

Covers: RGB and YBR of any number of bits, palettes of 8 and 16 bits, segmented ones too (PS3.3 C.7.6.3.1, C.7.9).
Does not cover: decoding and YBR_FULL (`pixels.py`), colour profiles, which are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from fastssl.data.reading.samples import UnreadableError

from .elements import numbers, raw_bytes
from .pixels import PARTIAL, PixelLayout

_COLOURS = ("Red", "Green", "Blue")


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of stored values.

    Args:
        first: the value that the first colour is for; lower ones have it too, and higher ones than there are the last.
        colours: `[K, 3]` uint8 or uint16.
    """

    first: int
    colours: np.ndarray

    def apply(self, stored: np.ndarray) -> np.ndarray:
        """Look colours up.

        Args:
            stored: `[H, W]`, whole numbers.

        Returns:
            `[H, W, 3]` in the type of the palette.
        """
        return self.colours[np.clip(stored.astype(np.int64) - self.first, 0, len(self.colours) - 1)]


def colour_dtype(layout: PixelLayout) -> np.dtype:
    """Choose the type of a colour image: uint8 for 8 bits of a colour or fewer, else uint16.

    Args:
        layout: of its pixels; not that of a palette.
    """
    return np.dtype(np.uint8 if layout.allocated <= 8 else np.uint16)


def to_rgb(frame: np.ndarray, layout: PixelLayout) -> np.ndarray:
    """Bring the colours of a frame to the whole range of their type.

    Args:
        frame: `[H, W, 3]`, RGB or, as it is stored, YBR_PARTIAL.
        layout: of its pixels.

    Returns:
        `[H, W, 3]` RGB, uint8 or uint16.
    """
    if layout.photometric in PARTIAL:
        frame = _from_partial(frame)
    dtype = colour_dtype(layout)
    top, limit = 2**layout.stored - 1, int(np.iinfo(dtype).max)
    if top == limit:
        return frame.astype(dtype, copy=False)
    return np.rint(np.clip(frame, 0, top) * (limit / top)).astype(dtype)


def read_palette(header: Dataset, *, signed: bool) -> Palette:
    """Read the palette of a file.

    Args:
        header: of the file.
        signed: stored values may be negative.

    Returns:
        The palette, uint8 or uint16; 16-bit entries that use the lower 8 bits alone are brought to 16.

    Raises:
        UnreadableError: it is missing or damaged.
    """
    descriptor = numbers(header, "RedPaletteColorLookupTableDescriptor", signed=signed)
    if len(descriptor) != 3 or int(descriptor[2]) not in (8, 16):
        raise UnreadableError("damaged: PALETTE COLOR without a palette of 8 or 16 bits")
    count, first, bits = int(descriptor[0]) % 65536 or 65536, int(descriptor[1]), int(descriptor[2])
    parts = [part for colour in _COLOURS if (part := _entries(header, colour, count)) is not None]
    colours = np.stack(parts, -1) if len(parts) == len(_COLOURS) else _segmented(header, first, count)
    if bits == 8:  # in two bytes, some have it in the upper one
        return Palette(first=first, colours=(colours if colours.max() <= 255 else colours >> 8).astype(np.uint8))
    if colours.dtype == np.uint8 or colours.max() <= 255:
        colours = colours.astype(np.uint16) * np.uint16(257)
    return Palette(first=first, colours=colours)


def _entries(header: Dataset, colour: str, count: int) -> np.ndarray | None:
    """The entries of a colour: a byte each, or two."""
    keyword = f"{colour}PaletteColorLookupTableData"
    data = raw_bytes(header, keyword)
    if len(data) in (count, count + count % 2):
        return np.frombuffer(data[:count], np.uint8)
    if len(data) < 2 * count:
        return None
    return np.array(numbers(header, keyword)[:count]).astype(np.uint16)


def _segmented(header: Dataset, first: int, count: int) -> np.ndarray:
    try:
        return apply_color_lut(np.arange(first, first + count, dtype=np.int32), header)[..., :3]
    except Exception as error:  # whatever pydicom raises
        raise UnreadableError(f"damaged: its palette cannot be read ({type(error).__name__})") from None


def _from_partial(frame: np.ndarray) -> np.ndarray:
    """RGB of YBR_PARTIAL of 8 bits: luminance from 16 to 235, colour differences from 16 to 240 (ITU-R BT.601)."""
    y, blue, red = np.moveaxis(frame.astype(np.float64), -1, 0)
    y, blue, red = (y - 16) * 255 / 219, (blue - 128) * 255 / 224, (red - 128) * 255 / 224
    rgb = np.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], -1)
    return np.rint(np.clip(rgb, 0, 255)).astype(np.uint8)

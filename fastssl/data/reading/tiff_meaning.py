"""What the samples of a TIFF page mean, from its tags.

Covers: photometric interpretation, sample format, bits, extra samples, and which of these are refused. Does not cover:
which page (`tiff_pages.py`), decoding (`tiff.py`).

The numbers are those of TIFF 6.0 (Adobe, 1992) and of its supplements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .orientation import TAG, known_orientation
from .samples import UnreadableError

if TYPE_CHECKING:
    from tifffile import TiffPage

Colour = Literal["grey", "white is 0", "rgb", "palette", "cmyk", "lab", "ycbcr"]

_COLOURS: dict[int, Colour] = {
    0: "white is 0",
    1: "grey",
    2: "rgb",
    3: "palette",
    4: "grey",  # a mask: 1 is inside
    5: "cmyk",
    6: "ycbcr",
    8: "lab",
    9: "lab",
}
_SAMPLES: dict[Colour, int] = {"rgb": 3, "cmyk": 4, "lab": 3, "ycbcr": 3}
_UNSIGNED, _SIGNED, _FLOAT, _VOID = 1, 2, 3, 4
_FORMATS = {5: "complex whole numbers", 6: "complex numbers"}
_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 33003, 33005, 34712, 34925, 34926, 34927, 50000, 50001)
_FAX = (2, 3, 4)
_JPEG = (6, 7)
_LOSSY = (6, 7, 33003, 33005, 34712, 34927, 50001)
_PREMULTIPLIED, _STRAIGHT, _COREL = 1, 2, 999
_PHOTOMETRIC, _EXTRA_SAMPLES, _INK_SET = 262, 338, 332

UNSTATED_GREY = "no word on what its values mean; taken as grey, 0 as black"
THREE_UNNAMED = "3 samples without meaning, taken as red, green and blue"
EXTRA_LEFT_OUT = "a further sample without meaning, which is left out"


@dataclass(frozen=True, kw_only=True)
class TiffMeaning:
    """How to read the samples of a page.

    Args:
        colour: what the first samples are.
        samples: how many of them there are: 1, 3 or 4.
        bits: of each sample.
        format: 1 unsigned, 2 signed, 3 float.
        alpha: index of the sample that is opacity, or None.
        premultiplied: the others are multiplied by it.
        orientation: value of the tag.
        ink_lab: the zero of a and b of a LAB image is 128 (ICCLAB), not 0 (CIELAB).
        jpeg: the decoder turns YCbCr to RGB by itself.
        lossy: it was compressed with loss.
        notes: what is taken for something or left out.
    """

    colour: Colour
    samples: int
    bits: int
    format: int
    alpha: int | None
    premultiplied: bool
    orientation: int
    ink_lab: bool
    jpeg: bool
    lossy: bool
    notes: tuple[str, ...]


def meaning_of(page: TiffPage) -> TiffMeaning:
    """Say how the samples of a page are to be read.

    Args:
        page: with its tags.

    Returns:
        The meaning.

    Raises:
        UnreadableError: it is of a kind that is not read; the text says which.
    """
    if page.compression not in _COMPRESSIONS:
        name = getattr(page.compression, "name", "unknown")
        raise UnreadableError(f"compression {int(page.compression)} ({name}), which is not read; save it with LZW")
    bits, sample_format = _type_of(page)
    colour, notes = _colour_of(page)
    samples = _SAMPLES.get(colour, 1)
    total = page.samplesperpixel
    if colour == "cmyk" and (page.tags.valueof(_INK_SET, default=1) != 1 or total < samples):
        raise UnreadableError(f"{total} inks that are not cyan, magenta, yellow and black; save it as RGB")
    if total < samples:
        raise UnreadableError(f"damaged: {total} samples per pixel for {colour}")
    kinds = tuple(page.extrasamples) if _EXTRA_SAMPLES in page.tags else ()
    extra = total - samples
    alpha, premultiplied = None, False
    if extra and not kinds and samples == 3 and extra == 1:
        kinds = (_STRAIGHT,)  # as libtiff and Pillow: a fourth sample that nothing is said of is opacity
    for index, kind in enumerate(kinds[-extra:] if extra else ()):
        if kind in (_PREMULTIPLIED, _STRAIGHT, _COREL) and alpha is None:
            alpha, premultiplied = samples + index, kind == _PREMULTIPLIED
    unnamed = extra - (alpha is not None)
    if colour == "grey" and unnamed == 2 and total == 3:
        samples, notes = 3, (*notes, THREE_UNNAMED)
    elif unnamed > 1:
        raise UnreadableError(f"{total} samples per pixel, {unnamed} of them without meaning; save it as grey or RGB")
    elif unnamed == 1:
        notes = (*notes, EXTRA_LEFT_OUT)
    if colour == "white is 0" and sample_format == _FLOAT:
        raise UnreadableError("floats of which the lowest is white (MinIsWhite); save it with 0 as black")
    if alpha is not None and sample_format == _SIGNED:
        raise UnreadableError("opacity with a sign; save it without transparency")
    return TiffMeaning(
        colour=colour,
        samples=samples,
        bits=bits,
        format=sample_format,
        alpha=alpha,
        premultiplied=premultiplied,
        orientation=known_orientation(page.tags.valueof(TAG)),
        ink_lab=page.photometric == 9,
        jpeg=page.compression in _JPEG,
        lossy=page.compression in _LOSSY,
        notes=notes,
    )


def stored_dtype(meaning: TiffMeaning) -> np.dtype:
    """Return the type that holds the samples of a page: the narrowest of 8, 16, 32 or 64 bits."""
    size = next(size for size in (1, 2, 4, 8) if meaning.bits <= 8 * size)
    return np.dtype({_FLOAT: "f", _SIGNED: "i"}.get(meaning.format, "u") + str(size))


def _type_of(page: TiffPage) -> tuple[int, int]:
    """(bits, format) of the samples."""
    if not isinstance(page.bitspersample, int):
        raise UnreadableError(
            f"samples of different bits {tuple(page.bitspersample)}; save it with 8 or 16 bits for all"
        )
    if not isinstance(page.sampleformat, int):
        raise UnreadableError("samples of different formats; save it with one")
    sample_format = int(page.sampleformat)
    if sample_format in _FORMATS:
        raise UnreadableError(f"{_FORMATS[sample_format]}, which are no image; save the magnitude")
    if page.dtype is None:
        raise UnreadableError(f"{page.bitspersample} bits per sample of format {sample_format}, which is not read")
    return page.bitspersample, _UNSIGNED if sample_format == _VOID else sample_format


def _colour_of(page: TiffPage) -> tuple[Colour, tuple[str, ...]]:
    if _PHOTOMETRIC not in page.tags and page.compression not in _JPEG:
        if page.samplesperpixel >= 3:
            return "rgb", ()
        return ("white is 0", ()) if page.compression in _FAX else ("grey", (UNSTATED_GREY,))
    number = int(page.photometric)
    if number not in _COLOURS:
        name = getattr(page.photometric, "name", "unknown")
        raise UnreadableError(
            f"photometric interpretation {number} ({name}), which is not read; save it as grey or RGB"
        )
    return _COLOURS[number], ()

"""The stored values of a DICOM file, frame by frame.

Covers: how the pixels are laid out, headers that lie about it, decoding one frame at a time. Does not cover: what the
values mean (`units.py`, `colour.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastssl.data.reading.samples import UnreadableError

from .elements import raw_bytes, text, whole
from .header import DicomHeader, PixelElement
from .syntaxes import decoder_of, is_native

GREY = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")
PARTIAL = ("YBR_PARTIAL_422", "YBR_PARTIAL_420")
_ITEM = 8
"""Bytes of the header of an item."""
_FLOATS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}


@dataclass(frozen=True, kw_only=True)
class PixelLayout:
    """How the pixels of a file are stored (PS3.3 C.7.6.3).

    Args:
        rows: of an image.
        columns: likewise.
        frames: images in the file.
        samples: per pixel, 1 or 3.
        photometric: one of `GREY`, `COLOUR` or `PALETTE`.
        planar: 1 if colours are stored plane by plane.
        allocated: bits of a sample.
        stored: bits of it that hold the value.
        high: number of the highest of these bits.
        signed: values may be negative.
        keyword: of the element of the pixels.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    planar: int
    allocated: int
    stored: int
    high: int
    signed: bool
    keyword: str

    @property
    def floating(self) -> bool:
        """Return whether the values are floats."""
        return self.keyword in _FLOATS

    @property
    def frame_bits(self) -> int:
        """Return the bits of a frame that is not compressed."""
        full = self.rows * self.columns * self.samples * self.allocated
        return full * 2 // 3 if self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") else full


def pixel_layout(header: DicomHeader, pixels: PixelElement) -> PixelLayout:
    """Read how the pixels of a file are stored.

    Args:
        header: of the file.
        pixels: where they are.

    Returns:
        The layout; a number of frames that is missing is found by the length of pixels that are not compressed.

    Raises:
        UnreadableError: it is none that is read, or the header contradicts itself.
    """
    elements = header.elements
    samples = whole(elements, "SamplesPerPixel", 1)
    photometric = text(elements, "PhotometricInterpretation").upper() or ("RGB" if samples == 3 else "MONOCHROME2")
    _check_samples(photometric, samples)
    allocated = _FLOATS.get(pixels.keyword) or whole(elements, "BitsAllocated")
    if not allocated:
        raise UnreadableError("damaged: its header does not say how many bits a value has")
    if allocated not in (1, 8, 16, 32, 64):
        raise UnreadableError(f"{allocated} bits allocated for a value, where 1, 8, 16 and 32 are read")
    stored = whole(elements, "BitsStored")
    stored = stored if 0 < stored <= allocated else allocated
    high = whole(elements, "HighBit", stored - 1)
    layout = PixelLayout(
        rows=whole(elements, "Rows"),
        columns=whole(elements, "Columns"),
        frames=max(whole(elements, "NumberOfFrames"), 0),
        samples=samples,
        photometric=photometric,
        planar=whole(elements, "PlanarConfiguration"),
        allocated=allocated,
        stored=stored,
        high=high if stored - 1 <= high < allocated else stored - 1,
        signed=whole(elements, "PixelRepresentation") == 1,
        keyword=pixels.keyword,
    )
    return _with_frames(layout, pixels) if is_native(header.syntax) else _compressed(layout, pixels)


def stored_frames(header: DicomHeader, layout: PixelLayout, order: Sequence[int]) -> Iterator[np.ndarray]:
    """Decode frames one after the other.

    Args:
        header: of the file.
        layout: of its pixels.
        order: numbers of the frames.

    Yields:
        `[H, W]` or, with three samples, `[H, W, 3]` for each, in the type that is allocated; YBR as RGB, but for
        YBR_PARTIAL.

    Raises:
        UnreadableError: the transfer syntax is not read, or the pixels are damaged; the text holds nothing of the file.
    """
    pixels = header.pixels
    if pixels is None:
        return
    decoder = decoder_of(header.syntax)
    options = _options(header, layout, pixels)
    for index in order:
        header.file.seek(pixels.start)
        try:
            frame, _ = next(decoder.iter_array(header.file, indices=[index], validate=True, **options))
        except MemoryError:
            raise
        except Exception as error:  # whatever a codec raises
            raise UnreadableError(
                f"damaged: frame {index + 1} of {layout.frames} cannot be decoded ({type(error).__name__})"
            ) from None
        spare = layout.high + 1 - layout.stored
        yield frame >> spare if spare and not layout.floating else frame


def _options(header: DicomHeader, layout: PixelLayout, pixels: PixelElement) -> dict[str, Any]:
    """What pydicom's decoder has to know."""
    partial = layout.photometric in PARTIAL
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "number_of_frames": layout.frames,
        "samples_per_pixel": layout.samples,
        "photometric_interpretation": "YBR_FULL_422" if partial else layout.photometric,
        "planar_configuration": layout.planar if layout.samples > 1 else 0,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.high + 1,
        "pixel_representation": int(layout.signed),
        "pixel_keyword": layout.keyword,
        "pixel_vr": pixels.vr,
        "raw": partial,
    }
    offsets = (
        raw_bytes(header.elements, "ExtendedOffsetTable"),
        raw_bytes(header.elements, "ExtendedOffsetTableLengths"),
    )
    if all(offsets) and len(offsets[0]) == len(offsets[1]) == 8 * layout.frames:
        options["extended_offsets"] = offsets
    return options


def _check_samples(photometric: str, samples: int) -> None:
    wanted = 1 if photometric in (*GREY, PALETTE) else 3
    if photometric not in (*GREY, PALETTE, *COLOUR):
        shown = photometric if photometric in ("HSV", "ARGB", "CMYK", "XYB") else "of an unknown kind"
        raise UnreadableError(f"its colours are {shown}, which are not read; save it as RGB")
    if samples != wanted:
        raise UnreadableError(f"damaged: {samples} samples per pixel, where {photometric} has {wanted}")


def _compressed(layout: PixelLayout, pixels: PixelElement) -> PixelLayout:
    """The layout of compressed pixels, of which each frame has a header of its own at least (PS3.5 A.4)."""
    if layout.frames > max(pixels.there // _ITEM, 1):
        raise UnreadableError(f"damaged: {layout.frames} frames in {pixels.there} bytes of pixels")
    return replace(layout, frames=layout.frames or 1)


def _with_frames(layout: PixelLayout, pixels: PixelElement) -> PixelLayout:
    """The layout of pixels that are not compressed, whose length says whether the header is true."""
    frame = layout.frame_bits
    if frame < 1:
        return replace(layout, frames=layout.frames or 1)  # of which the size is told to be wrong
    frames = layout.frames or max(1, 8 * pixels.there // frame)
    needed = -(-frame * frames // 8)
    if layout.photometric == "YBR_FULL_422" and pixels.there >= frame * 3 // 16 * frames:
        return replace(layout, photometric="YBR_FULL", frames=frames)  # not subsampled, as its length says
    if pixels.there < needed:
        raise UnreadableError(
            f"truncated: {pixels.there} bytes of pixels, where {frames} x {layout.rows} x {layout.columns} of "
            f"{layout.allocated * layout.samples} bits take {needed}"
        )
    return replace(layout, frames=frames)

"""What a format's reader hands on: the samples of the first image as its file has them, and what they mean.

Covers: the records that every reader fills, and the interface of a reader. Does not cover: reading a format
(`tiff.py`, `png.py` and others), what becomes of the samples (`to_image.py`, `to_labels.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class UnreadableError(Exception):
    """What is wrong with a file, without its name, for `files.py` to put in front."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """What a file says of where its images come from.

    Args:
        patient: whose it is, as its header has it; "" where it does not say. It is made a pseudonym before anything is
            stored (`fastssl.data.patients`).
        study: one visit of one patient; "" where there is none.
        series: of the scan; files of one series are ordered by `position`; "" where there is none.
        position: along the axis of the series, in millimetres, or the number in it.
        modality: DICOM's two letters, such as "CT" (PS3.3 C.7.3.1.1.1); "" where it does not say.
    """

    patient: str = ""
    study: str = ""
    series: str = ""
    position: float = 0.0
    modality: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageHeader:
    """What is known of an image before its pixels are decoded.

    Args:
        width: in pixels, before the orientation is applied.
        height: likewise.
        channels: of the pixels that `to_image` makes: 1 or 3.
        dtype: likewise.
        bilevel: it is black and white only.
        pages: how many images the file holds.
        frames: how many of them are taken, at most: of a picture the first; of a scan every frame or slice that
            `ReadingOptions` leave; 0: the file holds no image, such as a DICOM report.
        facts: what the file says of where it comes from.
    """

    width: int
    height: int
    channels: int
    dtype: np.dtype
    bilevel: bool = False
    pages: int = 1
    frames: int = 1
    facts: FileFacts = FileFacts()


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The first image of a file, upright, 0 as black.

    Args:
        values: `[H, W, S]`, in the machine's byte order: S is 1 for grey and for the indices of a palette, 3 for red,
            green and blue.
        top: the value of white, for integers without a sign: 1 for bilevel images, 4095 for 12 bits.
        palette: `[K, 3]` uint8 or uint16, the colour of each index.
        alpha: `[H, W]` opacity from 0 to `alpha_top`; None where there is no transparency.
        alpha_top: the value of what is opaque.
        premultiplied: `values` are multiplied by the opacity already.
        lossy: the image was compressed with loss.
        reduced: it was decoded at a smaller scale.
        orientation: the tag by which it was turned upright, 1 to 8; 1: it was not.
        notes: what was left out or taken for something, a short clause each.
    """

    values: np.ndarray
    top: int = 255
    palette: np.ndarray | None = None
    alpha: np.ndarray | None = None
    alpha_top: int = 255
    premultiplied: bool = False
    lossy: bool = False
    reduced: bool = False
    orientation: int = 1
    notes: tuple[str, ...] = ()


class ImageReader(Protocol):
    """Reads one open file.

    Attributes:
        size: width and height in pixels, known when the reader is made.
    """

    size: tuple[int, int]

    @property
    def header(self) -> ImageHeader:
        """What is known without decoding the image; counting its frames and reading its palette may take longer."""

    def read(self, at_least: int | None = None) -> Samples:
        """Decode the first image.

        Args:
            at_least: a JPEG may be decoded at a smaller scale, if its short side keeps twice as many pixels.

        Returns:
            Its samples.
        """


def is_grey(palette: np.ndarray) -> bool:
    """Return whether every colour of a palette `[K, 3]` is grey."""
    return bool((palette == palette[:, :1]).all())


def image_dtype(values: np.dtype) -> np.dtype:
    """Choose the type of an image's pixels: that of its samples, without half precision, 64 bits and signed 8 bits.

    Args:
        values: type of the samples.

    Returns:
        uint8, uint16, uint32, int16, int32 or float32.
    """
    if values.kind == "f":
        return np.dtype(np.float32)
    if values.kind == "i":
        return np.dtype(np.int16 if values.itemsize <= 2 else np.int32)
    return np.dtype({1: np.uint8, 2: np.uint16}.get(values.itemsize, np.uint32))

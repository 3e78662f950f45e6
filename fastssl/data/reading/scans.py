"""The interface of a reader of scans: DICOM files and volumes, which hold several images and values in units.

Covers: what every such reader has. Does not cover: reading a format (`dicom`, `volumes`), pictures (`samples.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from .records import RawImage
from .samples import ImageHeader


class ScanReader(ABC):
    """Reads the images of one scan.

    Attributes:
        size: width and height of an image in pixels, known when the reader is made.
    """

    size: tuple[int, int]

    @property
    @abstractmethod
    def header(self) -> ImageHeader:
        """What is known without decoding any image."""

    @abstractmethod
    def frames(self) -> Iterator[RawImage]:
        """Decode the images one after the other, few of them in memory at a time.

        Yields:
            Those that `ReadingOptions` leave, in order, each with the number of its frame; empty ones are left out.
        """

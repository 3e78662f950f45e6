"""Headers of files, as the tests of readers ask for them."""

from __future__ import annotations

from pathlib import Path

from fastssl.data.reading import ImageHeader, ReadingOptions, read_image_header


def header_of(path: Path, *, max_megapixels: int) -> ImageHeader:
    """What a file says of its images."""
    return read_image_header(path, ReadingOptions(max_megapixels=max_megapixels))

"""The one door to files of images: header, images or labels, and one line for whatever goes wrong.

Covers: limits, and errors of the operating system and of decoders. Does not cover: formats (`kinds.py` chooses).
"""

from __future__ import annotations

import errno
import io
import stat
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from fastssl.errors import DataError

from .kinds import open_reader, open_scan
from .options import ReadingOptions
from .records import ImageFileError, LabelMap, RawImage
from .samples import ImageHeader, ImageReader, UnreadableError
from .scans import ScanReader
from .to_image import to_pixels
from .to_labels import to_labels

_OF_DAMAGE = (errno.EINVAL, errno.EOVERFLOW, errno.ERANGE)
_LONGEST = 200
NO_IMAGE = "it holds no image, or empty ones alone"


def read_image_header(path: Path, options: ReadingOptions) -> ImageHeader:
    """Read what a file says of its images, without decoding them.

    Args:
        path: of the file.
        options: how files are read.

    Returns:
        The header.

    Raises:
        ImageFileError: it is damaged, too large, or no image that can be read.
        DataError: the operating system refuses it.
    """
    with _opened(path, options) as reader:
        return reader.header


def read_frames(path: Path, options: ReadingOptions, *, at_least: int | None = None) -> Generator[RawImage, None, None]:
    """Read all images that are taken from a file: the first of a picture, the frames or slices of a scan.

    Args:
        path: of the file.
        options: how files are read; larger images than they allow are refused before any pixel is decoded.
        at_least: a JPEG may be decoded at a smaller scale, if its short side keeps twice as many pixels; None: never.

    Yields:
        The images, one after the other.

    Raises:
        ImageFileError: it is damaged, too large, no image that can be read, or holds values that are not finite.
        DataError: the operating system refuses it.
    """
    with _opened(path, options) as reader:
        if isinstance(reader, ScanReader):
            yield from reader.frames()
        else:
            yield _image(reader, at_least)


def read_image_file(path: Path, *, max_megapixels: int, at_least: int | None = None) -> RawImage:
    """Read the first image of a file.

    Args:
        path: of the file.
        max_megapixels: larger images are refused before any pixel is decoded.
        at_least: a JPEG may be decoded at a smaller scale, if its short side keeps twice as many pixels; None: never.

    Returns:
        The image.

    Raises:
        ImageFileError: it is damaged, too large, no image that can be read, or holds values that are not finite.
        DataError: the operating system refuses it.
    """
    with closing(read_frames(path, ReadingOptions(max_megapixels=max_megapixels), at_least=at_least)) as frames:
        first = next(frames, None)
    if first is None:
        raise ImageFileError(path, NO_IMAGE)
    return first


def read_image_bytes(data: bytes, name: str, *, max_megapixels: int) -> RawImage:
    """Read the first image of a file that is in memory.

    Args:
        data: the file's bytes.
        name: of the file, whose ending tells a format that its first bytes do not; also for an error's text.
        max_megapixels: larger images are refused before any pixel is decoded.

    Returns:
        The image.

    Raises:
        ImageFileError: it is damaged, too large, no image that can be read, or holds values that are not finite.
    """
    path = Path(name)
    with _in_one_line(path):
        reader = _reader(io.BytesIO(data), path, ReadingOptions(max_megapixels=max_megapixels), in_memory=True)
        found = next(reader.frames(), None) if isinstance(reader, ScanReader) else _image(reader, None)
    if found is None:
        raise ImageFileError(path, NO_IMAGE)
    return found


def read_label_file(path: Path, *, max_megapixels: int) -> LabelMap:
    """Read a mask: a whole number for each pixel, by what the file means.

    Args:
        path: of the file.
        max_megapixels: larger images are refused before any pixel is decoded.

    Returns:
        The labels.

    Raises:
        ImageFileError: it is damaged, too large, no image that can be read, or holds fractions.
        DataError: the operating system refuses it.
    """
    with _opened(path, ReadingOptions(max_megapixels=max_megapixels)) as reader:
        if isinstance(reader, ScanReader):
            raise UnreadableError("it is a scan, not a mask; save masks as PNG or TIFF")
        return to_labels(reader.read(), reader.header.pages)


def refused_file(path: Path | str, error: OSError) -> DataError:
    """Make the error for a file that the operating system refuses.

    Unlike damage, a refusal may pass, so it must not be remembered.

    Args:
        path: of the file.
        error: of the operating system.

    Returns:
        One line that names the file and the reason.
    """
    return DataError(f"{path} cannot be read: {error.strerror}; restore it or remove it")


@contextmanager
def _opened(path: Path, options: ReadingOptions) -> Iterator[ImageReader | ScanReader]:
    """Open the reader of a file; every error inside the block becomes one line."""
    with _in_one_line(path):
        if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would wait for ever
            raise UnreadableError("it is no regular file")
        with path.open("rb") as file:
            yield _reader(file, path, options)


def _reader(
    file: BinaryIO, path: Path, options: ReadingOptions, *, in_memory: bool = False
) -> ImageReader | ScanReader:
    reader = open_scan(file, None if in_memory else path, options) or open_reader(file, path.suffix.lower())
    if not isinstance(reader, ScanReader) or reader.header.frames:
        _check_size(reader.size, options.max_megapixels)
    return reader


def _image(reader: ImageReader, at_least: int | None) -> RawImage:
    samples, header = reader.read(at_least), reader.header
    pixels, notes = to_pixels(samples)
    return RawImage(
        pixels=pixels,
        bilevel=header.bilevel,
        pages=header.pages,
        reduced=samples.reduced,
        orientation=samples.orientation,
        notes=notes,
    )


@contextmanager
def _in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except (DataError, KeyboardInterrupt):
        raise
    except Exception as error:  # decoders raise nearly anything for damaged files
        if isinstance(error, OSError) and error.errno is not None and error.errno not in _OF_DAMAGE:
            raise refused_file(path, error) from error
        raise ImageFileError(path, _reason(error), passing=isinstance(error, MemoryError)) from error


def _check_size(size: tuple[int, int], max_megapixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise UnreadableError(f"damaged: {width}x{height} pixels")
    pixels = width * height
    if pixels > max_megapixels * 1_000_000:
        megapixels = -(-pixels // 1_000_000)
        raise UnreadableError(
            f"{width}x{height} pixels, more than {max_megapixels} megapixels; "
            f"allow it with --max-megapixels {megapixels}"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "too little memory to decode it; free some, or make the image smaller"
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UnreadableError):
        return text
    return f"damaged ({text if len(text) <= _LONGEST else text[:_LONGEST] + ' ...'})"

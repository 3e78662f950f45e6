"""Reading many image files: in parallel, in order, to one number of channels and one type.

Covers: what becomes of damaged files, and the form that holds every image. Does not cover: reading one file
(`decode.py`), keeping what was decoded (`packing`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from fastssl.data.reading import ImageFileError, ImageHeader
from fastssl.data.resize import workers
from fastssl.errors import DataError

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class ImageForm:
    """How the images of a folder are stored.

    Args:
        channels: 1 if all are grey, else 3.
        dtype: the type that holds the values of every file.
    """

    channels: int
    dtype: np.dtype


def read_in_order(
    pool: ThreadPoolExecutor, read: Callable[[str], Result], files: Sequence[str]
) -> Iterator[Result | str]:
    """Read files on a thread pool, a few ahead of the one that is asked for.

    Args:
        pool: of `workers()` threads.
        read: reads one file.
        files: what `read` is called with.

    Yields:
        What `read` returned, in the order of `files`; for a damaged file, one line of text that says what is wrong.

    Raises:
        DataError: the operating system refuses a file, or there is too little memory: this may pass, so that it must
            not be remembered.
    """

    def attempt(path: str) -> Result | str:
        try:
            return read(path)
        except ImageFileError as error:
            if error.passing:
                raise
            return error.reason
        except MemoryError:
            raise DataError(f"{path}: too little memory to resize it; free some, or choose a smaller size") from None

    ahead: deque[Future[Result | str]] = deque()
    for path in files:
        ahead.append(pool.submit(attempt, path))
        if len(ahead) > 4 * workers():
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def common_form(headers: Mapping[str, ImageHeader]) -> ImageForm:
    """Find the channels and the type that hold every image of a folder.

    Args:
        headers: of the images, by file.

    Returns:
        The form.

    Raises:
        DataError: there are floats among whole numbers; the text names one of each.
    """
    counted = {path: header for path, header in headers.items() if not header.bilevel} or headers
    floats = next((path for path, header in counted.items() if header.dtype.kind == "f"), None)
    whole = next((path for path, header in counted.items() if header.dtype.kind != "f"), None)
    if floats is not None and whole is not None:
        raise DataError(f"{floats} holds floats and {whole} whole numbers; save all images with one type")
    grey = all(header.channels == 1 for header in headers.values())
    return ImageForm(channels=1 if grey else 3, dtype=np.result_type(*{header.dtype for header in headers.values()}))


def describe_headers(headers: Sequence[ImageHeader], size: int) -> list[str]:
    """Say what is changed in the images of a folder so that they fit one form.

    Args:
        headers: of the images.
        size: side that they are resized to, in pixels.

    Returns:
        A line for each kind of change.
    """
    total = len(headers)
    grey = sum(header.channels == 1 for header in headers)
    wide = sum(header.dtype != np.uint8 for header in headers)
    bilevel = sum(header.bilevel for header in headers)
    pages = [header.pages for header in headers if header.pages > 1]
    lines = []
    if 0 < grey < total:
        lines.append(f"{grey} of {total} images are grey and the rest colour; all are stored as RGB")
    if 0 < wide < total:
        lines.append(f"{wide} of {total} images have more than 8 bits; the others' 8 bits become the same levels")
    if 0 < bilevel < total:
        lines.append(f"{bilevel} of {total} images are black and white only; if they are masks, move them elsewhere")
    if pages:
        most = f"up to {max(pages)} pages" if max(pages) > min(pages) else f"{max(pages)} pages"
        lines.append(f"{len(pages)} of {total} images have {most}; the first is taken")
    short_side = int(np.median([min(header.width, header.height) for header in headers]))
    if short_side < size:
        lines.append(f"images are enlarged to {size} px (median short side {short_side}); a smaller size is faster")
    return lines

"""Reading many image files: in parallel, in order, to one number of channels and one dtype.

Covers: what becomes of damaged files, and the form that holds every image. Does not cover: reading one file
(`decode.py`), keeping what was decoded (`packing.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from fastssl.errors import DataError

from .decode import Header
from .resize import workers

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class ImageForm:
    """How the images of a folder are stored.

    Args:
        channels: 1 if all are grey, else 3.
        dtype: uint16 if any is 16-bit grey, else uint8; little-endian.
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
        DataError: the operating system refuses a file.
    """

    def attempt(path: str) -> Result | str:
        try:
            return read(path)
        except MemoryError:
            raise
        except Exception as error:  # damaged files make Pillow's plugins raise nearly anything
            if isinstance(error, OSError) and error.errno is not None:
                raise refused_file(error) from error
            return " ".join(str(error).split()) or type(error).__name__

    ahead: deque[Future[Result | str]] = deque()
    for path in files:
        ahead.append(pool.submit(attempt, path))
        if len(ahead) > 4 * workers():
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def refused_file(error: OSError) -> DataError:
    """Make the error for a file that the operating system refuses.

    Unlike damage, a refusal may pass, so it must not be remembered.

    Args:
        error: of the operating system.

    Returns:
        One line that names the file and the reason.
    """
    return DataError(f"{error.filename or 'an image'} cannot be read: {error.strerror}; restore it or remove it")


def common_form(root: Path, headers: Sequence[Header], size: int, notify: Callable[[str], None] | None) -> ImageForm:
    """Find the channels and the dtype that hold every image of a folder.

    Args:
        root: the folder, for `notify`.
        headers: of the images.
        size: side that they are resized to, in pixels.
        notify: called with one line of text for each kind of image that is changed to fit; None keeps quiet.

    Returns:
        The form.
    """
    tell = notify or (lambda line: None)
    total = len(headers)
    grey = sum(header.grey for header in headers)
    wide = sum(header.wide for header in headers)
    narrowed = sum(header.narrowed for header in headers)
    bilevel = sum(header.bilevel for header in headers)
    paged = sum(header.pages > 1 for header in headers)
    if 0 < grey < total:
        tell(f"{root}: {grey} of {total} images are grey and the rest colour; all are stored as RGB")
    if 0 < wide < total:
        tell(f"{root}: {wide} of {total} images have 16 bits; the others' 8-bit values are multiplied by 257")
    if narrowed:
        tell(f"{root}: {narrowed} of {total} images are 16-bit colour, which is read as 8-bit")
    if 0 < bilevel < total:
        tell(f"{root}: {bilevel} of {total} images are black and white only; if they are masks, move them elsewhere")
    if paged:
        tell(f"{root}: {paged} of {total} images have several pages; the first is taken")
    short_side = int(np.median([min(header.width, header.height) for header in headers]))
    if short_side < size:
        tell(f"{root}: images are enlarged to {size} px (median short side {short_side}); a smaller size is faster")
    return ImageForm(channels=1 if grey == total else 3, dtype=np.dtype("<u2" if wide else "u1"))

"""Finding the image in a TIFF file, and counting the others.

Covers: several pages, reduced copies and masks among them, ImageJ's and tifffile's stacks with one directory. Does not
cover: what the samples mean (`tiff_meaning.py`), decoding them (`tiff.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from .samples import UnreadableError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_LOOKED_AT = 16
"""Reading a directory takes time, and a stack may have thousands of them: the first ones say what the rest is."""


def first_page(tiff: TiffFile) -> tuple[TiffPage, int]:
    """Find the first page of full resolution that is no mask of another.

    Args:
        tiff: the open file.

    Returns:
        The page, and how many such pages the file holds.

    Raises:
        UnreadableError: there is no page.
    """
    total = len(tiff.pages)
    if not total:
        raise UnreadableError("damaged: it has no page")
    looked_at = _pages(tiff, 0, min(total, _LOOKED_AT))
    full = [page for page in looked_at if not (page.is_reduced or page.is_mask)]
    if len(full) < len(looked_at) < total:
        full += [page for page in _pages(tiff, _LOOKED_AT, total) if not (page.is_reduced or page.is_mask)]
    elif full:
        full += [full[0]] * (total - len(looked_at))
    page = full[0] if full else looked_at[0]
    return page, max(1, len(full), page.imagedepth, _stated_count(tiff, page))


def _pages(tiff: TiffFile, start: int, end: int) -> list[TiffPage]:
    return [cast("TiffPage", tiff.pages[index]) for index in range(start, end)]


def _stated_count(tiff: TiffFile, page: TiffPage) -> int:
    """How many images a description states where they have one directory together."""
    if tiff.is_imagej:
        return int((tiff.imagej_metadata or {}).get("images", 1))
    if tiff.is_shaped and tiff.shaped_metadata:
        shape = tiff.shaped_metadata[0].get("shape", page.shape)
        return int(np.prod(shape) // max(1, np.prod(page.shape)))
    return 1

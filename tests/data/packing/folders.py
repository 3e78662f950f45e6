"""Packs of the files of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fastssl.data.headers import read_headers
from fastssl.data.packing import Pack, PackItem, packed
from fastssl.data.reading import ReadingOptions


def packed_names(
    root: Path,
    files: Sequence[str],
    size: int,
    notify: Callable[[str], None] | None = None,
    *,
    value_range: str | None = None,
    options: ReadingOptions | None = None,
) -> Pack:
    """The pack of files of a folder, in this order."""
    options = options or ReadingOptions()
    headers = read_headers(root, files, options, notify=notify)
    items = [PackItem(path=path) for path in files]
    return packed(root, items, headers, size, options, notify, value_range=value_range)

"""The slices of a scan that are files of their own: their order, every n-th of them, their neighbours.

Covers: files of one series, as DICOM has them. Does not cover: the slices of one file (`fastssl.data.reading`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fastssl.data.layout.words import composed
from fastssl.data.packing import PackItem
from fastssl.data.reading import ImageHeader, ReadingOptions

Series = Mapping[str, list[str]]
"""First path of a series -> its files, by their position."""


def find_series(files: Iterable[str], headers: Mapping[str, ImageHeader]) -> Series:
    """Group files by their series; pictures, and scans that say nothing of a series, are each their own.

    Args:
        files: paths of one set.
        headers: of those that can be read.

    Returns:
        The series, by their first path, their files sorted by position.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(files, key=lambda path: (composed(path), path)):
        header = headers.get(path)
        own = header is not None and header.facts.series
        found.setdefault(f"series {header.facts.series}" if header and own else f"file {path}", []).append(path)
    return {
        paths[0]: sorted(paths, key=lambda path: headers[path].facts.position) if len(paths) > 1 else paths
        for paths in found.values()
    }


def items_of(
    files: Sequence[str], headers: Mapping[str, ImageHeader], options: ReadingOptions
) -> tuple[list[PackItem], list[int]]:
    """Choose and order the files that are decoded.

    Files of a series come one after the other, by their position; of a series of several files every n-th is taken, and
    where neighbours are asked for, they are the slices next to it, whether these are taken or not.

    Args:
        files: paths of one split, sorted.
        headers: of those that can be read.
        options: how files are read.

    Returns:
        What to decode, and the place of each in `files`.
    """
    place = {path: index for index, path in enumerate(files)}
    items = []
    for slices in find_series(files, headers).values():
        for index in range(0, len(slices), options.every if len(slices) > 1 else 1):
            before = slices[index - 1] if options.neighbours and index else ""
            after = slices[index + 1] if options.neighbours and index + 1 < len(slices) else ""
            items.append(PackItem(path=slices[index], before=before, after=after))
    return items, [place[item.path] for item in items]

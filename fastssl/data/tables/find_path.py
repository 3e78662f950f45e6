"""The column that names the files.

Covers: finding it by what it holds and then by its name, or taking the one that is given. Does not cover: what a path
means (`file_index.py`, `folder_index.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastssl.errors import DataError
from fastssl.text import printable

from .file_index import FileIndex, PathMatch
from .folder_index import FolderIndex
from .names import PATHS, PATIENTS
from .paths import Beginnings, stem
from .table import Column, Table, counted, loose, quoted, shown

SAMPLE = 1000
"""Distinct cells of each column that are looked for among the files, to find the column of paths."""
ENOUGH = 0.1
"""Share of the images, from which on paths of files are preferred to those of folders, which may name more of them."""
CLOSE = 0.5
"""Share of the files of the best column, from which on another one may be that of paths by its name."""
OPTION = "--path-column"


@dataclass(frozen=True, kw_only=True)
class PathColumn:
    """The column of paths, and the files that they mean."""

    column: Column
    match: PathMatch


def find_path_column(table: Table, given: str | None, files: Sequence[str], beginnings: Beginnings) -> PathColumn:
    """Find the column whose cells are most of the files, and match it with them.

    Args:
        table: the table.
        given: name of the column; None: found.
        files: relative paths of the images.
        beginnings: where paths of the table may begin.

    Returns:
        The column and its files.

    Raises:
        DataError: no column names a file, paths could be several files, or the column's own name is one.
    """
    by_file = FileIndex(files, beginnings)
    column = table.named(given, OPTION) if given is not None else _by_name(table, by_file)
    found = by_file.match(column.present()) if column is not None else None
    if column is None or found is None or not (found.files or found.unclear or found.shared):
        by_folder = FolderIndex(files, beginnings)
        column, index = (column, by_folder) if column is not None else _likeliest(table, len(files), by_file, by_folder)
        found = index.match(column.present())
    _refuse_unclear(table, column, found)
    if not found.files:
        example = shown(column, column.present()[:1]) or "nothing"
        raise DataError(
            f"{table.path}: no row names a file: {example} in column {printable(column.name)}, {printable(files[0])} "
            f"in {beginnings.root.rstrip('/')}; name another column by {OPTION}, or another folder by --data"
        )
    _refuse_file_as_header(table, column, files)
    return PathColumn(column=column, match=found)


def _by_name(table: Table, by_file: FileIndex) -> Column | None:
    """The first column by its name of which each cell in a sample is a file; it saves looking at the others."""
    usual = sorted(
        (own for own in table.columns.values() if loose(own.name) in PATHS), key=lambda own: _order(own.name)
    )
    for column in usual:
        sample = _sample(column, SAMPLE)
        if 2 * len(column.present()) > len(table) and len(by_file.match(sample).files) == len(sample):
            return column
    return None


def _likeliest(
    table: Table, count: int, by_file: FileIndex, by_folder: FolderIndex
) -> tuple[Column, FileIndex | FolderIndex]:
    """By a sample of each column; by all of it where the folder has only a few of the table's images."""
    columns = list(enumerate(table.columns.values()))
    for most in (SAMPLE, len(table)):
        ratings = [_rate(column, by_file, most, place) for place, column in columns]
        if _most(ratings) < ENOUGH * count:
            folders = [_rate(column, by_folder, most, place) for place, column in columns]
            ratings = folders if _most(ratings) < ENOUGH * _most(folders) else ratings
        if _most(ratings):
            close = [rating for rating in ratings if rating.files >= CLOSE * _most(ratings)]
            best = max(close, key=lambda rating: rating.order)
            return best.column, best.index
        if all(len(column.values) <= most for _, column in columns):
            break
    return min(table.columns.values(), key=lambda column: _order(column.name)), by_file


def _sample(column: Column, most: int) -> list[str]:
    present = column.present()
    return present[:: max(1, len(present) // most)]


@dataclass(frozen=True, kw_only=True)
class _Rating:
    """How many files the cells of a column are; `order`: the likeliest column has the greatest."""

    column: Column
    index: FileIndex | FolderIndex
    files: float
    order: tuple[bool, float, int, int]


def _most(ratings: Sequence[_Rating]) -> float:
    return max(rating.files for rating in ratings)


def _rate(column: Column, index: FileIndex | FolderIndex, most: int, place: int) -> _Rating:
    present, sample = column.present(), _sample(column, most)
    match = index.match(sample)
    hits = {hit for own in match.files.values() for hit in own}
    found = len(hits) + len(match.unclear) + len(match.shared)
    files = found * len(present) / max(1, len(sample))
    name, is_file = loose(column.name), isinstance(index, FileIndex)
    usual = name in PATHS and (is_file or name not in PATIENTS)
    order = (usual, files, -_order(column.name), -place)
    return _Rating(column=column, index=index, files=files, order=order)


def _order(name: str) -> int:
    return PATHS.index(loose(name)) if loose(name) in PATHS else len(PATHS)


def _refuse_file_as_header(table: Table, column: Column, files: Sequence[str]) -> None:
    """Stop where the column of paths is called like a file."""
    name = stem(column.name).casefold()
    if loose(column.name) not in PATHS and any(stem(file.rpartition("/")[2]).casefold() == name for file in files):
        raise DataError(
            f"{table.path} has no header: its first line holds the file {printable(column.name)}; begin it with a line "
            "of names such as path,label"
        )


def _refuse_unclear(table: Table, column: Column, match: PathMatch) -> None:
    """Stop at paths that could be several files, and at files that several paths could be."""
    where = f"{table.path}, column {printable(column.name)}"
    if match.unclear:
        path, could = next(iter(match.unclear.items()))
        raise DataError(
            f"{where}: {counted(len(match.unclear), 'path')} could be several files ({shown(column, [path])}: "
            f"{quoted(could[:2])}); write them with their folders, or name a column that does by {OPTION}"
        )
    if match.shared:
        file = next(iter(match.shared.values()))
        paths = [path for path, own in match.shared.items() if own == file]
        raise DataError(
            f"{where}: {len(match.shared)} paths end like a file and differ in their folders "
            f"({shown(column, paths[:2])}: {printable(file)}); write paths from the folder of the images on, or give "
            "the folder above it"
        )

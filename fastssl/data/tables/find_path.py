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
from .paths import Beginnings
from .table import Column, Table, loose, quoted

SAMPLE = 1000
"""Distinct cells of each column that are looked for among the files, to find the column of paths."""
ENOUGH = 0.1
"""Share of the files that the best column names, from which on another one may be that of paths by its name."""
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
    by_file, by_folder = FileIndex(files, beginnings), FolderIndex(files, beginnings)
    if given is not None:
        column = table.named(given, OPTION)
        match = by_file.match(column.present())
        found = match if match.files or match.unclear or match.shared else by_folder.match(column.present())
    else:
        column, index = _likeliest(table, by_file, by_folder)
        found = index.match(column.present())
    _refuse_unclear(table, column, found)
    if not found.files:
        raise DataError(
            f"{table.path}: no row names a file: {_first(column)} in column {printable(column.name)}, {files[0]} in "
            f"{beginnings.root.rstrip('/')}; name another column by {OPTION}, or another folder by --data"
        )
    if by_file.match([column.name]).files:
        raise DataError(
            f"{table.path} has no header: its first line holds the file {printable(column.name)}; begin it with a line "
            "of names such as path,label"
        )
    return PathColumn(column=column, match=found)


def _likeliest(table: Table, by_file: FileIndex, by_folder: FolderIndex) -> tuple[Column, FileIndex | FolderIndex]:
    """By a sample of each column; by all of it where the folder has only a few of the table's images."""
    for most in (SAMPLE, len(table)):
        ratings = [
            rating
            for place, column in enumerate(table.columns.values())
            for index in (by_file, by_folder)
            if (rating := _rate(column, index, most, place)).files
        ]
        if ratings:
            enough = ENOUGH * max(rating.files for rating in ratings)
            best = max((rating for rating in ratings if rating.files >= enough), key=lambda rating: rating.order)
            return best.column, best.index
        if all(len(column.values) <= most for column in table.columns.values()):
            break
    known = [column for column in table.columns.values() if loose(column.name) in PATHS]
    column = min(known or table.columns.values(), key=lambda one: _order(one.name))
    return column, by_file


@dataclass(frozen=True, kw_only=True)
class _Rating:
    """How many files the cells of a column are; `order`: the likeliest column has the greatest."""

    column: Column
    index: FileIndex | FolderIndex
    files: float
    order: tuple[bool, bool, float, int, int]


def _rate(column: Column, index: FileIndex | FolderIndex, most: int, place: int) -> _Rating:
    present = column.present()
    sample = present[:: max(1, len(present) // most)]
    match = index.match(sample)
    hits = {hit for own in match.files.values() for hit in own}
    found = len(hits) + len(match.unclear) + len(match.shared)
    files = found * len(present) / max(1, len(sample))
    name, is_file = loose(column.name), isinstance(index, FileIndex)
    usual = name in PATHS and (is_file or name not in PATIENTS)
    order = (is_file, usual, files, -_order(column.name), -place)
    return _Rating(column=column, index=index, files=files, order=order)


def _order(name: str) -> int:
    return PATHS.index(loose(name)) if loose(name) in PATHS else len(PATHS)


def _refuse_unclear(table: Table, column: Column, match: PathMatch) -> None:
    """Stop at paths that could be several files, and at files that several paths could be."""
    where = f"{table.path}, column {printable(column.name)}"
    if match.unclear:
        path, could = next(iter(match.unclear.items()))
        raise DataError(
            f"{where}: {len(match.unclear)} paths could each be several files ({printable(path)}: {quoted(could[:2])}"
            f"); write them with their folders, or name a column that does by {OPTION}"
        )
    if match.shared:
        file = next(iter(match.shared.values()))
        paths = [path for path, own in match.shared.items() if own == file]
        raise DataError(
            f"{where}: {len(match.shared)} paths end like a file and differ in their folders ({quoted(paths[:2])}: "
            f"{printable(file)}); write paths from the folder of the images on, or give the folder above it"
        )


def _first(column: Column) -> str:
    present = column.present()
    return printable(present[0]) if present else "nothing"

"""Rows and files that belong together.

Covers: rows that name several files, several rows for one file and what they have to agree on. Does not cover: finding
the files (`find_path.py`), what rows say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.errors import DataError
from fastssl.text import printable

from .file_index import PathMatch
from .table import Column, Table

_ADVICE = {
    "labels": "keep one row for each image; several findings are columns of 0 and 1, or one cell with | between",
    "splits": "keep one of the rows",
    "patients": "keep one of the rows",
}


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """P pairs of a row and a file, sorted by file and then by row.

    Args:
        rows: int64 `[P]`, of the table.
        files: int64 `[P]`, of the folder.
    """

    rows: np.ndarray
    files: np.ndarray

    @property
    def is_one_to_one(self) -> bool:
        """No file has several rows."""
        return len(np.unique(self.files)) == len(self.files)


def pairs_of(column: Column, match: PathMatch) -> Pairs:
    """Pair each row with its files.

    Args:
        column: of paths.
        match: the files of its distinct paths.
    """
    own = [match.files.get(value, ()) for value in column.values]
    counts = np.array([len(hits) for hits in own], dtype=np.int64)
    every = np.array([hit for hits in own for hit in hits], dtype=np.int64)
    starts = np.cumsum(counts) - counts
    rows = np.repeat(np.arange(len(column.codes)), counts[column.codes])
    place = np.arange(len(rows)) - np.repeat(
        np.cumsum(counts[column.codes]) - counts[column.codes], counts[column.codes]
    )
    files = every[starts[column.codes[rows]] + place]
    order = np.lexsort((rows, files))
    return Pairs(rows=rows[order], files=files[order])


def agreed_rows(codes: np.ndarray, what: str, pairs: Pairs, table: Table, files: Sequence[str]) -> np.ndarray:
    """Find a row for each file that says something of a kind.

    Args:
        codes: int `[R]`, what each row says; negative for nothing.
        what: "labels", "splits" or "patients".
        pairs: rows and files.
        table: of the rows.
        files: N paths.

    Returns:
        int64 `[N]`, a row of each file; -1 where no row says anything.

    Raises:
        DataError: two rows of one file say different things.
    """
    telling = codes[pairs.rows] >= 0
    rows, own = pairs.rows[telling], pairs.files[telling]
    chosen = np.full(len(files), -1, dtype=np.int64)
    some, first = np.unique(own, return_index=True)
    chosen[some] = rows[first]
    wrong = np.flatnonzero(codes[rows] != codes[chosen[own]])
    if len(wrong):
        file, other = own[wrong[0]], rows[wrong[0]]
        count = len(np.unique(own[wrong]))
        raise DataError(
            f"{table.path}: lines {table.lines[chosen[file]]} and {table.lines[other]} give {printable(files[file])} "
            f"two {what}{f' ({count} such files)' * (count > 1)}; {_ADVICE[what]}"
        )
    return chosen

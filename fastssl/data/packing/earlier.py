"""Squares that earlier packs of a folder have, which need not be decoded again.

Covers: finding them when files were added, removed or divided otherwise, or when a process was interrupted. Does not
cover: one pack's own interrupted writing (`writer.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .decode import Square
from .form import ImageForm
from .rows import FileRows, read_rows
from .writer import IMAGES_FILE


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a file's squares are: in which array, from which row on."""

    squares: np.ndarray
    start: int
    rows: FileRows


class EarlierPacks:
    """What the other packs of a folder have, by file.

    Args:
        folders: of the packs, whole or interrupted, that were made by the same settings.
        size: side of the squares, in pixels.
        form: that they must have.
    """

    def __init__(self, folders: Iterable[Path], size: int, form: ImageForm) -> None:
        self._places: dict[str, _Place] = {}
        for folder in folders:
            if ImageForm.read(folder) == form:
                self._take_in(folder, (size, size, form.channels), form.dtype)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def squares_of(self, key: str) -> list[Square]:
        """Copy the squares of a file.

        Args:
            key: of a file that is there.

        Returns:
            Its squares.
        """
        place = self._places[key]
        return [
            Square(
                pixels=place.squares[place.start + index].copy(),
                span=one.span,
                frame=one.frame,
                bilevel=one.bilevel,
                windowed=one.windowed,
                notes=one.notes,
            )
            for index, one in enumerate(place.rows.frames)
        ]

    def _take_in(self, folder: Path, shape: tuple[int, int, int], dtype: np.dtype) -> None:
        path = folder / IMAGES_FILE
        try:
            count = path.stat().st_size // int(np.prod(shape) * dtype.itemsize)
            squares = np.memmap(path, dtype, "r", shape=(count, *shape))
        except (OSError, ValueError):  # it is gone, or empty
            return
        start = 0
        for rows in read_rows(folder):
            if start + len(rows.frames) > count:
                return
            if rows.frames:
                self._places.setdefault(rows.key, _Place(squares=squares, start=start, rows=rows))
            start += len(rows.frames)

"""What a sheet of images consists of: sections of rows of cells, one cell per image.

Covers: the records that are filled from batches (`sections.py`) and then drawn (`sheet_drawing.py`). Does not cover:
where a cell is placed (`sheet_layout.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageCell:
    """An image.

    Args:
        pixels: uint8 `[H, W, 3]`.
        tiles: along a side; borders are drawn between them.
        caption: a word that is drawn onto the image.
    """

    pixels: np.ndarray
    tiles: int = 1
    caption: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveCell:
    """A curve of grey levels.

    Args:
        levels: output levels from 0 to 255 for evenly spaced input levels from 0 to 255, float32 `[E]`.
    """

    levels: np.ndarray

    @property
    def falls(self) -> bool:
        """Whether dark becomes bright."""
        return bool(self.levels[0] > self.levels[-1])


@dataclass(frozen=True, kw_only=True)
class CellRow:
    """One thing, such as the mask, for every image.

    Args:
        label: what it is.
        cells: one per image.
    """

    label: str
    cells: tuple[ImageCell | CurveCell, ...]

    @property
    def images(self) -> list[np.ndarray]:
        """The pixels of those cells that are images."""
        return [cell.pixels for cell in self.cells if isinstance(cell, ImageCell)]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Rows that belong together.

    Args:
        title: what they show.
        rows: from top to bottom.
    """

    title: str
    rows: tuple[CellRow, ...]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """All that a sheet shows.

    Args:
        title: the first line.
        facts: the lines below it.
        original: the images as they are stored, a section with one row; it heads every column. None: nothing does.
        sections: the others, in order.
    """

    title: str
    facts: Sequence[str]
    original: Section | None
    sections: Sequence[Section]

    @property
    def heading(self) -> tuple[Section, ...]:
        """What heads every column."""
        return () if self.original is None else (self.original,)

    @property
    def rows(self) -> list[CellRow]:
        """All rows, from the heading on."""
        return [row for section in (*self.heading, *self.sections) for row in section.rows]

"""Where every cell of a preview goes.

Covers: the size of the cells, and several columns of sections where one would be too tall. Does not cover: what the
cells hold (`sheet.py`), drawing them (`sheet_drawing.py`).

Lengths are in pixels of the PNG; positions are measured from its upper left corner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .sheet import CellRow, CurveCell, ImageCell, Section, Sheet

WIDEST, TALLEST = 1600, 1600
NARROWEST = 480
"""Width that the lines above the images need."""
WIDTH_TO_HEIGHT = 1.2
"""The ratio that the number of columns is chosen for."""
CELL_SIDES = (128, 112, 96, 80, 64)
"""The largest side that a cell is enlarged to, then those that larger images are reduced to."""
SMALLEST_CELL = 48
MARGIN, LABEL, GAP, SECTION_GAP, COLUMN_GAP, TITLE, LINE = 12, 110, 4, 10, 24, 20, 15


@dataclass(frozen=True, kw_only=True)
class PlacedRow:
    """A row and its position.

    Args:
        x: of the label's left edge.
        y: of the row's upper edge.
        row: the row.
        title: of its section, if it is the first row of it; else "".
    """

    x: int
    y: int
    row: CellRow
    title: str


@dataclass(frozen=True, kw_only=True)
class SheetLayout:
    """The size of a sheet and the position of all that is on it.

    Args:
        width: of the PNG.
        height: of the PNG.
        side: of a cell.
        rows: from top to bottom, column by column.
    """

    width: int
    height: int
    side: int
    rows: tuple[PlacedRow, ...]

    def cells(self) -> Iterator[tuple[int, int, ImageCell | CurveCell]]:
        """Find the position of every cell.

        Yields:
            x and y of its upper left corner, and the cell.
        """
        for placed in self.rows:
            for index, cell in enumerate(placed.row.cells):
                yield placed.x + LABEL + index * (self.side + GAP), placed.y, cell


def arrange(sheet: Sheet) -> SheetLayout:
    """Lay a sheet out with the largest cells that fit into WIDEST x TALLEST.

    Args:
        sheet: with at least one section.

    Returns:
        The layout with as many columns as bring it nearest to WIDTH_TO_HEIGHT; if none fits, one with the smallest
        cells.
    """
    sides = cell_sides(_image_side(sheet))
    for side in sides:
        layouts = [_layout(sheet, side, columns) for columns in range(1, len(sheet.sections) + 1)]
        fitting = [layout for layout in layouts if layout.width <= WIDEST and layout.height <= TALLEST]
        if fitting:
            return min(fitting, key=lambda layout: abs(math.log(layout.width / layout.height / WIDTH_TO_HEIGHT)))
    return _layout(sheet, sides[-1], 1)


def cell_sides(side: int) -> list[int]:
    """List the sides that a cell may have: whole multiples of the image's, or smaller ones.

    Args:
        side: of the images, in their own pixels.

    Returns:
        Largest first.
    """
    multiples = [side * times for times in range(CELL_SIDES[0] // side, 0, -1)]
    reduced = [smaller for smaller in CELL_SIDES if smaller < side]
    return [multiple for multiple in multiples if multiple >= SMALLEST_CELL] + reduced or multiples[:1]


def _image_side(sheet: Sheet) -> int:
    """Of the views' images, if there are any, which all have one size."""
    rows = [row for section in (*sheet.sections, *sheet.heading) for row in section.rows]
    return next(max(pixels.shape[:2]) for row in rows for pixels in row.images)


def _layout(sheet: Sheet, side: int, columns: int) -> SheetLayout:
    images = max(len(row.cells) for row in sheet.rows)
    rows, bottom = [], 0
    for column, sections in enumerate(_in_columns(sheet.sections, columns)):
        x = MARGIN + column * (_column_width(images, side) + COLUMN_GAP)
        y = MARGIN + TITLE + LINE * len(sheet.facts) + GAP
        for section in (*sheet.heading, *sections):
            for index, row in enumerate(section.rows):
                rows.append(PlacedRow(x=x, y=y, row=row, title="" if index else section.title))
                y += side + GAP
            y += SECTION_GAP
        bottom = max(bottom, y - GAP - SECTION_GAP)
    return SheetLayout(width=_width(images, side, columns), height=bottom + MARGIN, side=side, rows=tuple(rows))


def _width(images: int, side: int, columns: int) -> int:
    return max(NARROWEST, 2 * MARGIN + columns * (_column_width(images, side) + COLUMN_GAP) - COLUMN_GAP)


def _column_width(images: int, side: int) -> int:
    return LABEL + images * (side + GAP) - GAP


def _in_columns(sections: Sequence[Section], columns: int) -> list[list[Section]]:
    """The sections in order, in at most so many columns, the tallest of which is as short as possible."""
    limit = max(len(section.rows) for section in sections)
    while len(filled := _filled(sections, limit)) > columns:
        limit += 1
    return filled


def _filled(sections: Sequence[Section], limit: int) -> list[list[Section]]:
    """Columns of at most `limit` rows, each filled before the next."""
    columns: list[list[Section]] = [[]]
    for section in sections:
        if sum(len(other.rows) for other in columns[-1]) + len(section.rows) > limit and columns[-1]:
            columns.append([])
        columns[-1].append(section)
    return columns

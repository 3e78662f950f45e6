"""A preview as one PNG: where every cell goes, and drawing it.

Covers: the size of the cells, several columns of sections where one would be too tall, pixels kept as they are (whole
multiples where they are enlarged), words and curves. Does not cover: what the cells hold (`cells.py`).

Lengths are pixels of the PNG; places are measured from its upper left corner.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .cells import Curve, Picture, Row, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

WIDEST, TALLEST = 1600, 1600
NARROWEST = 480
"""What the lines above the pictures need."""
WIDE_TO_TALL = 1.2
"""The shape that columns are chosen for."""
CELL_SIDES = (128, 112, 96, 80, 64)
"""The largest that a cell is enlarged to, and what larger pictures are reduced to."""
SMALLEST_CELL = 48
MARGIN, LABEL, GAP, SECTION_GAP, COLUMN_GAP, TITLE, LINE = 12, 110, 4, 10, 24, 20, 15
DOTS_PER_INCH = 100

INK, FAINT, RISING, FALLING = "#1a1a1a", "#8a8a8a", "#1f6fb4", "#d1571b"


@dataclass(frozen=True)
class Sheet:
    """title, facts: the lines above. original: the row that heads every column. sections: in their order."""

    title: str
    facts: Sequence[str]
    original: Section
    sections: Sequence[Section]


class Place(NamedTuple):
    """Where a row stands: upper left corner of its label, with the section's title if it is the first of it."""

    x: int
    y: int
    row: Row
    title: str


@dataclass(frozen=True)
class Layout:
    """width, height: of the PNG. side: of a cell."""

    width: int
    height: int
    side: int
    places: tuple[Place, ...]

    def cells(self) -> Iterator[tuple[int, int, Picture | Curve]]:
        """Every cell with its upper left corner."""
        for place in self.places:
            for index, cell in enumerate(place.row.cells):
                yield place.x + LABEL + index * (self.side + GAP), place.y, cell


def draw(sheet: Sheet) -> bytes:
    """The sheet as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    layout = arrange(sheet)
    figure = Figure(figsize=(layout.width / DOTS_PER_INCH, layout.height / DOTS_PER_INCH), dpi=DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    figure.figimage(paint(layout))
    _Pen(figure, layout).annotate(sheet)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    return content.getvalue()


def arrange(sheet: Sheet) -> Layout:
    """The largest cells that fit into WIDEST x TALLEST, in as many columns as come nearest to WIDE_TO_TALL."""
    sides = cell_sides(_picture_side(sheet))
    for side in sides:
        layouts = [_layout(sheet, side, columns) for columns in range(1, len(sheet.sections) + 1)]
        fitting = [layout for layout in layouts if layout.width <= WIDEST and layout.height <= TALLEST]
        if fitting:
            return min(fitting, key=lambda layout: abs(math.log(layout.width / layout.height / WIDE_TO_TALL)))
    return _layout(sheet, sides[-1], 1)


def cell_sides(picture: int) -> list[int]:
    """Sides at which pictures of `picture` pixels can be shown, largest first: whole multiples, or reduced."""
    multiples = [picture * times for times in range(CELL_SIDES[0] // picture, 0, -1)]
    reduced = [side for side in CELL_SIDES if side < picture]
    return [side for side in multiples if side >= SMALLEST_CELL] + reduced or multiples[:1]


def paint(layout: Layout) -> np.ndarray:
    """The pictures on white: uint8 `[height, width, 3]`."""
    canvas = np.full((layout.height, layout.width, 3), 255, dtype=np.uint8)
    for x, y, cell in layout.cells():
        if isinstance(cell, Picture):
            pixels = fit(cell.pixels, layout.side)
            height, width = pixels.shape[:2]
            top, left = y + (layout.side - height) // 2, x + (layout.side - width) // 2
            canvas[top : top + height, left : left + width] = pixels
    return canvas


def fit(pixels: np.ndarray, side: int) -> np.ndarray:
    """A picture `[H, W, 3]` in a cell: every pixel repeated, as often as it fits, or averaged down to the side."""
    from PIL import Image

    height, width = pixels.shape[:2]
    times = side // max(height, width)
    if times:
        return pixels.repeat(times, axis=0).repeat(times, axis=1)
    scale = side / max(height, width)
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(target, Image.Resampling.BOX))


def _picture_side(sheet: Sheet) -> int:
    """Of the views' pictures, if there are any, which all have one size."""
    rows = [row for section in (*sheet.sections, sheet.original) for row in section.rows]
    return next(max(pixels.shape[:2]) for row in rows for pixels in row.pictures)


def _layout(sheet: Sheet, side: int, columns: int) -> Layout:
    images = len(sheet.original.rows[0].cells)
    places, bottom = [], 0
    for column, sections in enumerate(_in_columns(sheet.sections, columns)):
        x, y = (
            MARGIN + column * (_column_width(images, side) + COLUMN_GAP),
            MARGIN + TITLE + LINE * len(sheet.facts) + GAP,
        )
        for section in (sheet.original, *sections):
            for index, row in enumerate(section.rows):
                places.append(Place(x, y, row, "" if index else section.title))
                y += side + GAP
            y += SECTION_GAP
        bottom = max(bottom, y - GAP - SECTION_GAP)
    return Layout(_width(images, side, columns), bottom + MARGIN, side, tuple(places))


def _width(images: int, side: int, columns: int) -> int:
    return max(NARROWEST, 2 * MARGIN + columns * (_column_width(images, side) + COLUMN_GAP) - COLUMN_GAP)


def _column_width(images: int, side: int) -> int:
    return LABEL + images * (side + GAP) - GAP


def _in_columns(sections: Sequence[Section], columns: int) -> list[list[Section]]:
    """The sections in order, in at most so many columns, the tallest of which is as low as can be."""
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


class _Pen:
    """Words and lines on a figure, in pixels from its upper left corner."""

    def __init__(self, figure: Figure, layout: Layout) -> None:
        self._figure = figure
        self._layout = layout

    def annotate(self, sheet: Sheet) -> None:
        """Everything that is not a picture."""
        self._text(MARGIN, MARGIN - 2, sheet.title, size=11, weight="bold")
        for line, fact in enumerate(sheet.facts):
            self._text(MARGIN, MARGIN + TITLE - 3 + line * LINE, fact, size=8.5, color=FAINT)
        for place in self._layout.places:
            if place.title:
                self._text(place.x, place.y, place.title, size=8.5, weight="bold")
            self._text(place.x, place.y + LINE * bool(place.title), place.row.label, size=8.5)
        for x, y, cell in self._layout.cells():
            if isinstance(cell, Curve):
                self._curve(x, y, cell)
            else:
                self._borders(x, y, cell.tiles)
                if cell.caption:
                    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}
                    self._text(x + 3, y + 3, _shortened(cell.caption, self._layout.side), size=6.5, bbox=box)

    def _curve(self, x: int, y: int, curve: Curve) -> None:
        """Output level over input level, dark at the lower left; the diagonal stands for no change."""
        side = self._layout.side - 1
        self._line([x, x + side, x + side, x, x], [y, y, y + side, y + side, y], color=FAINT, linewidth=0.7)
        self._line([x, x + side], [y + side, y], color=FAINT, linewidth=0.6, linestyle=(0, (3, 3)))
        across = x + side * np.linspace(0.0, 1.0, len(curve.levels))
        self._line(across, y + side * (1.0 - curve.levels / 255.0), color=FALLING if curve.falls else RISING)

    def _borders(self, x: int, y: int, tiles: int) -> None:
        side = self._layout.side
        for tile in range(1, tiles):
            offset = tile * side / tiles
            self._line([x + offset] * 2, [y, y + side], color="white", linewidth=0.9)
            self._line([x, x + side], [y + offset] * 2, color="white", linewidth=0.9)

    def _line(self, across: ArrayLike, down: ArrayLike, **style: Any) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.transforms import IdentityTransform

        up = self._layout.height - np.asarray(down, dtype=np.float64)
        self._figure.add_artist(
            Line2D(np.asarray(across), up, transform=IdentityTransform(), **{"linewidth": 1.6, **style})
        )

    def _text(self, x: float, y: float, words: str, **style: Any) -> None:
        from matplotlib.transforms import IdentityTransform

        style = {"color": INK, "va": "top", "ha": "left", "parse_math": False, **style}
        self._figure.text(x, self._layout.height - y, words, transform=IdentityTransform(), **style)


def _shortened(words: str, side: int) -> str:
    """As much of a caption as a cell is wide, at about 5.5 pixels a letter."""
    most = max(3, int((side - 6) / 5.5))
    return words if len(words) <= most else f"{words[: most - 1]}…"

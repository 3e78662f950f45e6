"""Nearest neighbours as a picture: a row for each query, itself on the left.

Covers: cells, the two lines of text below each, frames that tell same labels from others. Does not cover: finding
neighbours (`neighbours.py`), the size of an image in its cell (`fastssl.previews.sheet_drawing`).

Lengths are in pixels of the PNG; positions are measured from its upper left corner.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.cells import cell_len, set_cell_size

from fastssl.data import Source
from fastssl.lettering import Lettering, lettering_for
from fastssl.previews.sections import original_section
from fastssl.previews.sheet_drawing import DOTS_PER_INCH, FAINT, INK, fit
from fastssl.previews.sheet_layout import cell_sides

from .neighbours_result import ImageNeighbours, Neighbour, NeighboursResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDEST = 1800
NARROWEST, LEAST_CELL = 480, 104
"""Widths that the first lines and the text below an image need."""
MARGIN, GAP, QUERY_GAP, ROW_GAP, HEAD, LINE, FRAME = 14, 8, 26, 14, 52, 13, 3
LETTER, TITLE_LETTER = 5.6, 7
"""Pixels that a letter takes, about."""
SAME, OTHER, NO_LABEL, QUERY = "#117733", "#cc3311", "#b8b8b8", "#1a1a1a"
"""Colours of frames, which do not stand alone: a sign in the text says the same."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NeighbourCell:
    """An image of the picture.

    Attributes:
        pixels: uint8 `[H, W, 3]`.
        lines: of text below it.
        frame: colour of its frame.
    """

    pixels: np.ndarray
    lines: tuple[str, ...]
    frame: str


def draw_neighbours(result: NeighboursResult, queries: Sequence[np.ndarray], source: Source) -> bytes:
    """Draw queries and their neighbours.

    Args:
        result: what was found.
        queries: the pixels of each query, `[S, S, C]`.
        source: the data, which have the pixels of the neighbours.

    Returns:
        The content of a PNG file.
    """
    from PIL import Image

    rows = [_cells(*pair, source) for pair in zip(result.images, queries, strict=True)]
    head = f"Nearest neighbours in {result.data}", _legend(result)
    letters = lettering_for([*head, *(line for row in rows for cell in row for line in cell.lines)])
    with letters.applied():
        pixels = _drawn(rows, head, letters)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    return content.getvalue()


def _cells(query: ImageNeighbours, pixels: np.ndarray, source: Source) -> list[NeighbourCell]:
    near = [np.asarray(source.splits[one.split].some_images(np.array([one.row]))[:])[0] for one in query.neighbours]
    shown = original_section(np.stack([pixels, *near]), [""] * (1 + len(near))).rows[0].images
    first = NeighbourCell(pixels=shown[0], lines=("query", query.label, query.image), frame=QUERY)
    return [first, *(_cell(*pair) for pair in zip(query.neighbours, shown[1:], strict=True))]


def _cell(one: Neighbour, pixels: np.ndarray) -> NeighbourCell:
    sign = {True: " ✓", False: " ✗", None: ""}[one.same_label]
    patient = "same patient" if one.same_patient else ""
    frame = {True: SAME, False: OTHER, None: NO_LABEL}[one.same_label]
    name = one.id if one.id.startswith(f"{one.split}/") else f"{one.split} {one.id}"
    first = "  ".join(filter(None, (f"{one.similarity:.3f}{sign}", patient)))
    return NeighbourCell(pixels=pixels, lines=(first, one.label, name), frame=frame)


def _legend(result: NeighboursResult) -> str:
    told = any(one.same_label is not None for query in result.images for one in query.neighbours)
    signs = "; ✓ the query's label, ✗ another one" if told else ""
    return f"{result.encoder}, {result.searched} images searched; numbers: cosine of the features{signs}"


def _drawn(rows: Sequence[Sequence[NeighbourCell]], head: tuple[str, str], letters: Lettering) -> np.ndarray:
    """The pixels of the picture, uint8 `[height, width, 3]`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = max(map(len, rows))
    sides = cell_sides(max(rows[0][0].pixels.shape[:2]))
    side = next((one for one in sides if _width(columns, one) <= WIDEST), sides[-1])
    size = _width(columns, side), HEAD + len(rows) * _height(side) + MARGIN
    figure = Figure(figsize=(size[0] / DOTS_PER_INCH, size[1] / DOTS_PER_INCH), dpi=DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    placed = list(_places(rows, side))
    figure.figimage(_painted(placed, size, side))
    longest = int((size[0] - 2 * MARGIN) / TITLE_LETTER)
    _write(figure, MARGIN, MARGIN - 4, letters.drawn(head[0], longest), size=11, color=INK, weight="bold")
    _write(figure, MARGIN, MARGIN + 15, letters.drawn(head[1], longest), size=8.5, color=FAINT)
    width = max(side, LEAST_CELL)
    for x, y, cell in placed:
        for number, line in enumerate(filter(None, cell.lines)):
            text = _fitting(letters.drawn(line, most=200), width)
            _write(figure, x, y + side + FRAME + 2 + number * LINE, text, size=7, color=INK)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3]


def _places(rows: Sequence[Sequence[NeighbourCell]], side: int) -> Iterator[tuple[int, int, NeighbourCell]]:
    """The upper left corner of each image."""
    step = max(side, LEAST_CELL) + GAP
    for place, row in enumerate(rows):
        for column, cell in enumerate(row):
            yield MARGIN + column * step + (QUERY_GAP if column else 0), HEAD + place * _height(side), cell


def _painted(placed: Sequence[tuple[int, int, NeighbourCell]], size: tuple[int, int], side: int) -> np.ndarray:
    """The images and their frames on white, uint8 `[height, width, 3]`."""
    canvas = np.full((size[1], size[0], 3), 255, np.uint8)
    for x, y, cell in placed:
        pixels = fit(cell.pixels, side)
        height, width = pixels.shape[:2]
        colour = [int(cell.frame[at : at + 2], 16) for at in (1, 3, 5)]
        canvas[y - FRAME : y + height + FRAME, x - FRAME : x + width + FRAME] = colour
        canvas[y : y + height, x : x + width] = pixels
    return canvas


def _width(columns: int, side: int) -> int:
    cells = columns * (max(side, LEAST_CELL) + GAP) - GAP
    return max(NARROWEST, 2 * MARGIN + QUERY_GAP + cells)


def _height(side: int) -> int:
    return side + 2 * FRAME + 3 * LINE + ROW_GAP


def _fitting(text: str, width: int) -> str:
    """A line that fits below an image; of a longer one the end, since names of files differ there."""
    most = int(width / LETTER)
    if cell_len(text) <= most:
        return text
    return f"…{text[-(most - 1) :]}" if "/" in text else f"{set_cell_size(text, most - 1).rstrip()}…"


def _write(figure: Figure, x: float, y: float, words: str, **style: object) -> None:
    from matplotlib.transforms import IdentityTransform

    height = figure.get_figheight() * DOTS_PER_INCH
    figure.text(x, height - y, words, transform=IdentityTransform(), va="top", ha="left", **style)  # type: ignore[arg-type]

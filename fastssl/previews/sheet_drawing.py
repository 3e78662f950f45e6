"""Drawing a preview as a PNG.

Covers: images pixel for pixel (whole multiples where they are enlarged), words and curves. Does not cover: where they
go (`sheet_layout.py`).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.cells import cell_len, set_cell_size

from fastssl.lettering import Lettering, lettering_for
from fastssl.text import shortened

from .sheet import CurveCell, ImageCell, Sheet
from .sheet_layout import LINE, MARGIN, TITLE, SheetLayout, arrange

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

DOTS_PER_INCH = 100
TITLE_LETTER = 7
"""Pixels that a letter of the first lines takes, about."""
LONGEST_LABEL = 17
"""Letters that have room left of a row."""
INK, FAINT, RISING, FALLING = "#1a1a1a", "#8a8a8a", "#1f6fb4", "#d1571b"


def draw(sheet: Sheet) -> bytes:
    """Draw a sheet.

    Args:
        sheet: with at least one section.

    Returns:
        The content of a PNG file.
    """
    from PIL import Image

    layout = arrange(sheet)
    letters = lettering_for(words_of(sheet))
    with letters.applied():
        pixels = _drawn(sheet, layout, letters)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    return content.getvalue()


def words_of(sheet: Sheet) -> list[str]:
    """List all text that is drawn of a sheet."""
    captions = [cell.caption for row in sheet.rows for cell in row.cells if isinstance(cell, ImageCell)]
    titles = [section.title for section in sheet.sections]
    return [sheet.title, *sheet.facts, *titles, *(row.label for row in sheet.rows), *captions]


def _drawn(sheet: Sheet, layout: SheetLayout, letters: Lettering) -> np.ndarray:
    """The pixels of a sheet, uint8 `[height, width, 3]`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(layout.width / DOTS_PER_INCH, layout.height / DOTS_PER_INCH), dpi=DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    figure.figimage(paint(layout))
    _Pen(figure, layout, letters).annotate(sheet)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3]


def paint(layout: SheetLayout) -> np.ndarray:
    """Draw the images alone, on white.

    Args:
        layout: of the sheet.

    Returns:
        uint8 `[height, width, 3]`.
    """
    canvas = np.full((layout.height, layout.width, 3), 255, dtype=np.uint8)
    for x, y, cell in layout.cells():
        if isinstance(cell, ImageCell):
            pixels = fit(cell.pixels, layout.side)
            height, width = pixels.shape[:2]
            top, left = y + (layout.side - height) // 2, x + (layout.side - width) // 2
            canvas[top : top + height, left : left + width] = pixels
    return canvas


def fit(pixels: np.ndarray, side: int) -> np.ndarray:
    """Enlarge or reduce an image to fit into a cell.

    Args:
        pixels: uint8 `[H, W, 3]`.
        side: of the cell, in pixels.

    Returns:
        uint8 `[h, w, 3]` with h, w <= side: every pixel repeated as often as it fits, or pixels averaged.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    times = side // max(height, width)
    if times:
        return pixels.repeat(times, axis=0).repeat(times, axis=1)
    scale = side / max(height, width)
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(target, Image.Resampling.BOX))


class _Pen:
    """Words and lines on a figure, in pixels from its upper left corner."""

    def __init__(self, figure: Figure, layout: SheetLayout, letters: Lettering) -> None:
        self._figure = figure
        self._layout = layout
        self._letters = letters

    def annotate(self, sheet: Sheet) -> None:
        """Draw everything that is not an image."""
        longest = (self._layout.width - 2 * MARGIN) // TITLE_LETTER
        self._text(MARGIN, MARGIN - 2, shortened(sheet.title, longest), size=11, weight="bold")
        for line, fact in enumerate(sheet.facts):
            self._text(MARGIN, MARGIN + TITLE - 3 + line * LINE, shortened(fact, longest), size=8.5, color=FAINT)
        for placed in self._layout.rows:
            if placed.title:
                self._text(placed.x, placed.y, shortened(placed.title, LONGEST_LABEL), size=8.5, weight="bold")
            words = shortened(placed.row.label, LONGEST_LABEL)
            self._text(placed.x, placed.y + LINE * bool(placed.title), words, size=8.5)
        for x, y, cell in self._layout.cells():
            if isinstance(cell, CurveCell):
                self._curve(x, y, cell)
            else:
                self._borders(x, y, cell.tiles)
                if cell.caption:
                    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}
                    self._text(x + 3, y + 3, self._caption(cell.caption), size=6.5, bbox=box)

    def _caption(self, words: str) -> str:
        """The part of a caption that fits into a cell, at about 5.5 pixels per letter, twice that for wide letters."""
        words = self._letters.drawn(words)
        most = max(3, int((self._layout.side - 6) / 5.5))
        return words if cell_len(words) <= most else f"{set_cell_size(words, most - 1).rstrip()}…"

    def _curve(self, x: int, y: int, curve: CurveCell) -> None:
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

        style = {"color": INK, "va": "top", "ha": "left", **style}
        drawn = self._letters.drawn(words, most=len(words) * 10)
        self._figure.text(x, self._layout.height - y, drawn, transform=IdentityTransform(), **style)

"""Matrices of counts, shaded by the share of their row: confusion matrices.

Covers: drawing them. Does not cover: counting.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastssl.text import shortened

from .markup import drawing, element, text

CELL, LEFT, TOP = 62.0, 118.0, 46.0
SMALL_CELL = 30.0
FEW = 5
"""Classes up to which cells hold the share as well as the count."""
LONGEST_NAME = 17


def matrix_chart(counts: Sequence[Sequence[float]], names: Sequence[str], *, summary: str) -> str:
    """Draw a square matrix: rows are true classes, columns are predicted ones.

    Args:
        counts: `[K, K]`.
        names: of the K classes.
        summary: what the matrix shows, for those who do not see it.

    Returns:
        SVG.
    """
    cell = CELL if len(names) <= FEW else SMALL_CELL
    width, height = LEFT + cell * len(names) + 8, TOP + cell * len(names) + 8
    parts = [text("true", LEFT - 8, TOP - 8, "label", "end"), text("predicted", LEFT, 12, "label")]
    for place, name in enumerate(names):
        short = shortened(name, LONGEST_NAME)
        parts.append(text(short, LEFT - 8, TOP + cell * (place + 0.5) + 4, "tick", "end"))
        heading = short if cell == CELL and len(short) <= 10 else str(place + 1)
        parts.append(text(heading, LEFT + cell * (place + 0.5), TOP - 8, "tick", "middle"))
    for row, own in enumerate(counts):
        whole = sum(own)
        for column, count in enumerate(own):
            share = count / whole if whole else 0.0
            parts.append(_cell(LEFT + cell * column, TOP + cell * row, cell, count, share, right=row == column))
    return drawing(width, height, summary, *parts, class_="matrix", style=f"max-width:{width * 1.1:.0f}px")


def _cell(x: float, y: float, side: float, count: float, share: float, *, right: bool) -> str:
    box = element("rect", x=x + 1, y=y + 1, width=side - 2, height=side - 2, class_="cell" + " right" * right)
    shade = element(
        "rect",
        x=x + 1,
        y=y + 1,
        width=side - 2,
        height=side - 2,
        class_="shade",
        fill_opacity=round(0.85 * share, 3),
    )
    classes = "count strong" if share > 0.55 else "count"
    if side == SMALL_CELL:
        words = text(f"{count:g}" if count else "", x + side / 2, y + side / 2 + 4, classes, "middle")
    else:
        words = text(f"{count:g}", x + side / 2, y + side / 2, classes, "middle")
        words += text(f"{100 * share:.0f} %", x + side / 2, y + side / 2 + 15, f"{classes} share", "middle")
    return box + shade + words

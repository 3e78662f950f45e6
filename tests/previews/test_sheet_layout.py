"""Where cells go: never over each other, within the sheet's bounds, in columns of a readable shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fastssl.previews.sheet import Sheet
from fastssl.previews.sheet_layout import TALLEST, WIDEST, arrange, cell_sides

MakeSheet = Callable[..., Sheet]


@pytest.mark.parametrize(
    ("image", "sides"),
    [
        (28, [112, 84, 56]),
        (64, [128, 64]),
        (128, [128, 112, 96, 80, 64]),
        (224, [128, 112, 96, 80, 64]),
        (9, [126, 117]),
    ],
)
def test_cells_are_whole_multiples_of_small_images_or_hold_large_ones_reduced(image: int, sides: list[int]) -> None:
    assert cell_sides(image)[: len(sides)] == sides


def test_many_sections_are_placed_in_columns_each_below_the_originals(noise_sheet: MakeSheet) -> None:
    sheet = noise_sheet([2, 3, 2, 3, 2, 3, 4, 3, 2], count=6)
    layout = arrange(sheet)
    assert layout.width <= WIDEST
    assert layout.height <= TALLEST
    by_column: dict[int, list[str]] = {}
    for placed in layout.rows:
        if placed.title:
            by_column.setdefault(placed.x, []).append(placed.title)
    assert len(by_column) > 1
    assert all(titles[0] == "Original" for titles in by_column.values())
    order = [title for _, titles in sorted(by_column.items()) for title in titles[1:]]
    assert order == [section.title for section in sheet.sections]


@pytest.mark.parametrize(("rows", "count"), [([3], 1), ([3, 3], 4), ([2, 3, 3, 4, 1], 6), ([4] * 12, 6), ([1], 16)])
def test_cells_never_overlap_nor_leave_the_sheet(noise_sheet: MakeSheet, rows: list[int], count: int) -> None:
    layout = arrange(noise_sheet(rows, count))
    covered = np.zeros((layout.height, layout.width), int)
    cells = list(layout.cells())
    for x, y, _ in cells:
        covered[y : y + layout.side, x : x + layout.side] += 1
    assert covered.max() == 1
    assert covered.sum() == len(cells) * layout.side**2


def test_more_than_fits_is_drawn_all_the_same(noise_sheet: MakeSheet) -> None:
    layout = arrange(noise_sheet([4] * 30, count=16))
    assert len(list(layout.cells())) >= 16 * 4 * 30

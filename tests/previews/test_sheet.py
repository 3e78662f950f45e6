"""The PNG: every cell is where the layout says, pixel for pixel, and the sheet keeps within its bounds."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fastssl.previews.cells import Curve, Picture, Row, Section
from fastssl.previews.sheet import TALLEST, WIDEST, Sheet, arrange, cell_sides, draw, fit

RISING, FALLING = (0x1F, 0x6F, 0xB4), (0xD1, 0x57, 0x1B)


def random_row(label: str, count: int, size: int) -> Row:
    """Pictures of noise."""
    rng = np.random.default_rng([count, size, len(label)])
    return Row(label, tuple(Picture(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)) for _ in range(count)))


def make_sheet(rows: list[int], count: int = 4, size: int = 28) -> Sheet:
    """A sheet with as many sections as numbers of rows are given."""
    sections = [
        Section(f"section {index}", tuple(random_row("x" * (row + 1), count, size) for row in range(height)))
        for index, height in enumerate(rows)
    ]
    return Sheet("Title", ["one fact", "another"], Section("Original", (random_row("", count, size),)), sections)


def decoded(sheet: Sheet) -> np.ndarray:
    """The pixels of the PNG."""
    with Image.open(io.BytesIO(draw(sheet))) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def test_the_png_holds_every_cell_pixel_for_pixel() -> None:
    sheet = make_sheet([2, 3])
    layout, pixels = arrange(sheet), decoded(sheet)
    assert pixels.shape == (layout.height, layout.width, 3)
    cells = list(layout.cells())
    columns = len({place.x for place in layout.places})
    assert len(cells) == 4 * (2 + 3 + columns)
    times = layout.side // 28
    for x, y, cell in cells:
        shown = pixels[y : y + layout.side, x : x + layout.side]
        assert np.array_equal(shown, np.kron(cell.pixels, np.ones((times, times, 1), np.uint8)))


@pytest.mark.parametrize(
    ("picture", "sides"),
    [
        (28, [112, 84, 56]),
        (64, [128, 64]),
        (128, [128, 112, 96, 80, 64]),
        (224, [128, 112, 96, 80, 64]),
        (9, [126, 117]),
    ],
)
def test_cells_are_whole_multiples_of_small_pictures_or_hold_large_ones_reduced(picture: int, sides: list[int]) -> None:
    assert cell_sides(picture)[: len(sides)] == sides


def test_a_large_picture_is_averaged_down() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    means = pixels.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(fit(pixels, 128) - means).max() <= 1


def test_an_oblong_picture_keeps_its_shape_in_the_middle_of_its_cell() -> None:
    sheet = make_sheet([1], size=20)
    flat = np.zeros((10, 20, 3), np.uint8)
    sheet = Sheet("", [], Section("Original", (Row("", (Picture(flat),) * 4),)), sheet.sections)
    layout, pixels = arrange(sheet), decoded(sheet)
    x, y, _ = next(iter(layout.cells()))
    black = (pixels[y : y + layout.side, x : x + layout.side] == 0).all(axis=2)
    assert black.sum() == layout.side**2 / 2
    assert black[layout.side // 4 : 3 * layout.side // 4].all()


def test_many_sections_stand_in_columns_each_below_the_originals() -> None:
    sheet = make_sheet([2, 3, 2, 3, 2, 3, 4, 3, 2], count=6)
    layout = arrange(sheet)
    assert layout.width <= WIDEST
    assert layout.height <= TALLEST
    by_column: dict[int, list[str]] = {}
    for place in layout.places:
        if place.title:
            by_column.setdefault(place.x, []).append(place.title)
    assert len(by_column) > 1
    assert all(titles[0] == "Original" for titles in by_column.values())
    order = [title for _, titles in sorted(by_column.items()) for title in titles[1:]]
    assert order == [section.title for section in sheet.sections]


@pytest.mark.parametrize(("rows", "count"), [([3], 1), ([3, 3], 4), ([2, 3, 3, 4, 1], 6), ([4] * 12, 6), ([1], 16)])
def test_cells_never_overlap_nor_leave_the_sheet(rows: list[int], count: int) -> None:
    layout = arrange(make_sheet(rows, count))
    covered = np.zeros((layout.height, layout.width), int)
    cells = list(layout.cells())
    for x, y, _ in cells:
        covered[y : y + layout.side, x : x + layout.side] += 1
    assert covered.max() == 1
    assert covered.sum() == len(cells) * layout.side**2


def test_more_than_fits_is_drawn_all_the_same() -> None:
    layout = arrange(make_sheet([4] * 30, count=16))
    assert len(list(layout.cells())) >= 16 * 4 * 30


@pytest.mark.parametrize("falls", [False, True])
def test_a_curve_is_drawn_through_its_levels_dark_at_the_lower_left(falls: bool) -> None:
    levels = (np.linspace(0, 1, 256) ** 3 * 255).astype(np.float32)
    levels = levels[::-1] if falls else levels
    sheet = make_sheet([1], count=1)
    section = Section("Curve", (Row("curve", (Curve(levels),)),))
    sheet = Sheet("", [], sheet.original, [*sheet.sections, section])
    layout, pixels = arrange(sheet), decoded(sheet)
    x, y = next((x, y) for x, y, cell in layout.cells() if isinstance(cell, Curve))
    cell = pixels[y : y + layout.side, x : x + layout.side].astype(int)
    colour = FALLING if falls else RISING
    for column in range(5, layout.side - 5, 7):
        level = levels[round(column / (layout.side - 1) * 255)]
        drawn = np.flatnonzero(np.abs(cell[:, column] - colour).sum(axis=1) < 60)
        expected = (1 - level / 255) * (layout.side - 1)
        assert len(drawn)
        assert np.abs(drawn - expected).min() <= 1.5


def test_tiles_are_told_apart_by_white_lines() -> None:
    sheet = make_sheet([1], count=1)
    black = Picture(np.zeros((28, 28, 3), np.uint8), tiles=2)
    sheet = Sheet("", [], sheet.original, [Section("Jigsaw", (Row("input", (black,)),))])
    layout, pixels = arrange(sheet), decoded(sheet)
    x, y = next((x, y) for x, y, cell in layout.cells() if cell is black)
    middle, quarter = layout.side // 2, layout.side // 4
    assert pixels[y + quarter, x + middle - 1 : x + middle + 1].max() > 120
    assert pixels[y + middle - 1 : y + middle + 1, x + quarter].max() > 120
    assert pixels[y + quarter, x + quarter].max() == 0


def test_words_that_look_like_mathematics_are_written_as_they_are() -> None:
    sheet = make_sheet([1])
    odd = Row("$x^$", sheet.original.rows[0].cells)
    assert draw(Sheet("a_$b", ["$\\nothing$"], sheet.original, [Section("$", (odd,))]))

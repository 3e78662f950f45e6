"""The PNG: every cell is drawn where the layout places it, pixel for pixel."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from fastssl.previews.sheet import CellRow, CurveCell, ImageCell, Section, Sheet
from fastssl.previews.sheet_drawing import draw, fit
from fastssl.previews.sheet_layout import arrange

MakeSheet = Callable[..., Sheet]

RISING, FALLING = (0x1F, 0x6F, 0xB4), (0xD1, 0x57, 0x1B)


def decoded(sheet: Sheet) -> np.ndarray:
    """The pixels of the PNG."""
    with Image.open(io.BytesIO(draw(sheet))) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def test_the_png_holds_every_cell_pixel_for_pixel(noise_sheet: MakeSheet) -> None:
    sheet = noise_sheet([2, 3])
    layout, pixels = arrange(sheet), decoded(sheet)
    assert pixels.shape == (layout.height, layout.width, 3)
    cells = list(layout.cells())
    columns = len({placed.x for placed in layout.rows})
    assert len(cells) == 4 * (2 + 3 + columns)
    times = layout.side // 28
    for x, y, cell in cells:
        shown = pixels[y : y + layout.side, x : x + layout.side]
        assert np.array_equal(shown, np.kron(cell.pixels, np.ones((times, times, 1), np.uint8)))


def test_a_large_image_is_averaged_down() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    means = pixels.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(fit(pixels, 128) - means).max() <= 1


def test_an_oblong_image_keeps_its_shape_in_the_middle_of_its_cell(noise_sheet: MakeSheet) -> None:
    sheet = noise_sheet([1], size=20)
    flat = np.zeros((10, 20, 3), np.uint8)
    sheet = Sheet(
        title="",
        facts=[],
        original=Section(title="Original", rows=(CellRow(label="", cells=(ImageCell(pixels=flat),) * 4),)),
        sections=sheet.sections,
    )
    layout, pixels = arrange(sheet), decoded(sheet)
    x, y, _ = next(iter(layout.cells()))
    black = (pixels[y : y + layout.side, x : x + layout.side] == 0).all(axis=2)
    assert black.sum() == layout.side**2 / 2
    assert black[layout.side // 4 : 3 * layout.side // 4].all()


@pytest.mark.parametrize("falls", [False, True])
def test_a_curve_is_drawn_through_its_levels_dark_at_the_lower_left(noise_sheet: MakeSheet, falls: bool) -> None:
    levels = (np.linspace(0, 1, 256) ** 3 * 255).astype(np.float32)
    levels = levels[::-1] if falls else levels
    sheet = noise_sheet([1], count=1)
    section = Section(title="Curve", rows=(CellRow(label="curve", cells=(CurveCell(levels=levels),)),))
    sheet = Sheet(title="", facts=[], original=sheet.original, sections=[*sheet.sections, section])
    layout, pixels = arrange(sheet), decoded(sheet)
    x, y = next((x, y) for x, y, cell in layout.cells() if isinstance(cell, CurveCell))
    cell = pixels[y : y + layout.side, x : x + layout.side].astype(int)
    colour = FALLING if falls else RISING
    for column in range(5, layout.side - 5, 7):
        level = levels[round(column / (layout.side - 1) * 255)]
        drawn = np.flatnonzero(np.abs(cell[:, column] - colour).sum(axis=1) < 60)
        expected = (1 - level / 255) * (layout.side - 1)
        assert len(drawn)
        assert np.abs(drawn - expected).min() <= 1.5


def test_tiles_are_told_apart_by_white_lines(noise_sheet: MakeSheet) -> None:
    sheet = noise_sheet([1], count=1)
    black = ImageCell(pixels=np.zeros((28, 28, 3), np.uint8), tiles=2)
    sheet = Sheet(
        title="",
        facts=[],
        original=sheet.original,
        sections=[Section(title="Jigsaw", rows=(CellRow(label="input", cells=(black,)),))],
    )
    layout, pixels = arrange(sheet), decoded(sheet)
    x, y = next((x, y) for x, y, cell in layout.cells() if cell is black)
    middle, quarter = layout.side // 2, layout.side // 4
    assert pixels[y + quarter, x + middle - 1 : x + middle + 1].max() > 120
    assert pixels[y + middle - 1 : y + middle + 1, x + quarter].max() > 120
    assert pixels[y + quarter, x + quarter].max() == 0


def test_words_that_look_like_mathematics_are_written_as_they_are(noise_sheet: MakeSheet) -> None:
    sheet = noise_sheet([1])
    odd = CellRow(label="$x^$", cells=sheet.original.rows[0].cells)
    sections = [Section(title="$", rows=(odd,))]
    assert draw(Sheet(title="a_$b", facts=["$\\nothing$"], original=sheet.original, sections=sections))

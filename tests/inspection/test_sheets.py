"""Which images are on the contact sheets."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fastssl.inspection.inspect_source import inspect_source
from fastssl.inspection.sheets import CLASSES_PER_SHEET, sheets_of
from fastssl.previews.sheet_drawing import draw, words_of

from .conftest import MakeSource


def numbered(count: int, start: int = 0) -> np.ndarray:
    """Images of one level each, from which they are known again; `[N, 16, 16, 1]`."""
    return np.broadcast_to(np.arange(start, start + count, dtype=np.uint8)[:, None, None, None], (count, 16, 16, 1))


def test_each_class_and_split_has_a_row_of_its_images(make_source: MakeSource) -> None:
    labels = {"train": np.array([0] * 30 + [1] * 5 + [-1] * 2), "test": np.array([1] * 4)}
    source = make_source({"train": numbered(37), "test": numbered(4, 100)}, labels, class_names=("well", "ill"))
    sheet = sheets_of(inspect_source(source), 8)["classes.png"]
    rows = {
        (section.title, row.label): [int(image[0, 0, 0]) for image in row.images]
        for section in sheet.sections
        for row in section.rows
    }
    well = rows.pop(("well", "train (30)"))
    assert len(set(well)) == 8
    assert set(well) <= set(range(30))
    assert rows == {
        ("ill", "train (5)"): [30, 31, 32, 33, 34],
        ("ill", "test (4)"): [100, 101, 102, 103],
        ("no class", "train (2)"): [35, 36],
    }


def test_images_without_labels_are_drawn_at_random_and_always_the_same(make_source: MakeSource) -> None:
    found = inspect_source(make_source({"train": numbered(200)}))
    one, other = (sheets_of(found, 8)["classes.png"] for _ in range(2))
    assert [row.label for row in one.rows] == ["train (200)"]
    shown = [[int(image[0, 0, 0]) for image in sheet.rows[0].images] for sheet in (one, other)]
    assert shown[0] == shown[1]
    assert shown[0] != list(range(8))


def test_many_classes_go_on_several_sheets(make_source: MakeSource) -> None:
    count = 2 * CLASSES_PER_SHEET + 1
    names = tuple(f"class {number:02}" for number in range(count))
    source = make_source({"train": numbered(count)}, {"train": np.arange(count)}, class_names=names)
    sheets = sheets_of(inspect_source(source), 4)
    drawn = {name: sheet for name, sheet in sheets.items() if name.startswith("classes")}
    assert list(drawn) == ["classes.png", "classes-2.png", "classes-3.png"]
    assert [section.title for sheet in drawn.values() for section in sheet.sections] == list(names)


def test_copies_stand_above_what_they_repeat_and_odd_images_have_a_sheet(
    make_source: MakeSource, pictures: np.ndarray
) -> None:
    test = np.concatenate([pictures[40:50], pictures[3:5], np.full_like(pictures[:1], 9)])
    sheets = sheets_of(inspect_source(make_source({"train": pictures[:40], "test": test})), 8)
    copies, of = sheets["duplicates.png"].rows
    assert [cell.caption for cell in copies.cells] == ["test 10", "test 11"]  # type: ignore[union-attr]
    assert [cell.caption for cell in of.cells] == ["train 3", "train 4"]  # type: ignore[union-attr]
    assert all(np.array_equal(*pair) for pair in zip(copies.images, of.images, strict=True))
    assert "one grey level" in words_of(sheets["suspects.png"])
    for sheet in sheets.values():
        assert Image.open(io.BytesIO(draw(sheet))).format == "PNG"


def test_where_nothing_is_odd_there_is_one_sheet(make_source: MakeSource, pictures: np.ndarray) -> None:
    found = inspect_source(make_source({"train": pictures[5:15]}))
    assert list(sheets_of(found, 8)) == ["classes.png"]

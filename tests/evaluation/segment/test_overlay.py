"""Overlays: each colour where it belongs, three pictures side by side, large ones shrunk and small ones enlarged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.evaluation.segment.overlay import FALSE_ALARM, GAP, HIT, MISS, overlay, write_overlay

FOUND = np.array([[True, True, False, False]])
TRUTH = np.array([[True, False, True, False]])
GREY = np.full((1, 4, 1), 100, np.uint8)


def test_hits_false_alarms_and_misses_have_their_colours() -> None:
    picture = overlay(GREY, FOUND, TRUTH)
    assert [tuple(pixel) for pixel in picture[0, :3]] == [HIT, FALSE_ALARM, MISS]
    assert tuple(picture[0, 3]) == (60, 60, 60)


def test_outside_the_field_of_view_nothing_is_coloured() -> None:
    picture = overlay(GREY, FOUND, TRUTH, np.array([[False, True, False, True]]))
    assert [tuple(pixel) for pixel in picture[0]] == [(60,) * 3, FALSE_ALARM, (60,) * 3, (60,) * 3]


@pytest.mark.parametrize("image", [np.full((1, 4, 3), 100, np.uint8), np.full((1, 4, 1), 25700, np.uint16)])
def test_colour_and_16_bit_images_look_the_same(image: np.ndarray) -> None:
    np.testing.assert_array_equal(overlay(image, FOUND, TRUTH), overlay(GREY, FOUND, TRUTH))


def test_the_sheet_shows_image_truth_and_overlay(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image, truth = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8), rng.random((300, 400)) > 0.5
    found = rng.random((300, 400)) > 0.5
    write_overlay(tmp_path / "new" / "a.png", image, found, truth)
    sheet = np.asarray(Image.open(tmp_path / "new" / "a.png"))
    assert sheet.shape == (300, 3 * 400 + 2 * GAP, 3)
    np.testing.assert_array_equal(sheet[:, :400], image)
    np.testing.assert_array_equal(sheet[:, 400 + GAP : 800 + GAP], 255 * np.repeat(truth[..., None], 3, axis=2))
    np.testing.assert_array_equal(sheet[:, 800 + 2 * GAP :], overlay(image, found, truth))


@pytest.mark.parametrize(("side", "shown"), [(28, 9 * 28), (256, 256), (1024, 1024), (1500, 750), (2500, 834)])
def test_pictures_come_at_a_size_for_a_screen(tmp_path: Path, side: int, shown: int) -> None:
    nothing = np.zeros((side, side), bool)
    write_overlay(tmp_path / "a.png", np.zeros((side, side, 1), np.uint8), nothing, nothing)
    assert Image.open(tmp_path / "a.png").height == shown

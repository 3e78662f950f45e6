"""Images that are empty, clipped, of two levels or far from the others, put among usual ones."""

from __future__ import annotations

import numpy as np

from fastssl.inspection.exposure import exposure_of
from fastssl.inspection.pixels import look_at_pixels
from fastssl.inspection.rows import count_of, name_of, some_names

from .conftest import MakeSource


def usual(count: int) -> np.ndarray:
    """Noise about a middle grey, `[N, 20, 20, 1]`."""
    return np.random.default_rng(0).normal(120, 30, (count, 20, 20, 1)).clip(1, 254).astype(np.uint8)


def test_each_odd_image_is_in_one_list(make_source: MakeSource) -> None:
    images = usual(60)
    images[3] = 77
    images[4, :8] = 255
    images[5] = np.where(images[5] > 120, 255, 0)
    images[6] = images[6] // 8
    found = exposure_of(look_at_pixels(make_source({"train": images[:40], "test": images[40:]})), 1)
    lists = {name: getattr(found, name) for name in ("empty", "clipped", "two_levels", "outliers")}
    assert {name: own["train"].tolist() for name, own in lists.items()} == {
        "empty": [3],
        "clipped": [4],
        "two_levels": [5],
        "outliers": [6],
    }
    assert all(count_of(own) == 1 for own in lists.values())


def test_shares_and_ranges_are_of_all_images(make_source: MakeSource) -> None:
    images = usual(10)
    images[0, :10, :10], images[1, :10, :10] = 0, 255
    found = exposure_of(look_at_pixels(make_source({"train": images[:5], "test": images[5:]})), 1)
    assert np.isclose(found.black, 0.25 / 10)
    assert np.isclose(found.white, 0.25 / 10)
    means = images.mean(axis=(1, 2, 3)) / 255
    assert np.allclose(found.brightness, (means.min(), np.median(means), means.max()), atol=1e-6)


def test_grey_is_told_of_images_in_colour_alone(make_source: MakeSource) -> None:
    grey = usual(5)
    colour = np.repeat(grey, 3, axis=3)
    colour[2, 0, 0, 0] ^= 1
    of_one = exposure_of(look_at_pixels(make_source({"train": grey})), 1)
    of_three = exposure_of(look_at_pixels(make_source({"train": colour})), 3)
    assert (count_of(of_one.grey), count_of(of_three.grey)) == (0, 4)


def test_images_of_equal_brightness_have_no_outliers(make_source: MakeSource) -> None:
    images = np.broadcast_to(usual(1), (50, 20, 20, 1)).copy()
    images[1] += 1
    assert exposure_of(look_at_pixels(make_source({"train": images})), 1).outliers == {}


def test_names_are_those_of_the_files_or_places_in_splits(make_source: MakeSource) -> None:
    images = {"train": usual(3), "test": usual(2)}
    rows = {"train": np.array([0, 2]), "test": np.array([1])}
    plain = make_source(images)
    named = make_source(images, ids={"train": ["a.png", "b.dcm#0", "b.dcm#1"], "test": ["c.png", "d.png"]})
    assert some_names(plain, rows, 9) == ["train 0", "train 2", "test 1"]
    assert some_names(named, rows, 2) == ["a.png", "b.dcm#1"]
    assert name_of(named, "test", 1) == "d.png"

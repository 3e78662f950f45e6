"""Neighbours are the most similar images by brute force, without the image itself and its patient's others."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import fastssl
from fastssl.cli import main
from fastssl.data import Source
from fastssl.errors import ConfigError, DataError
from fastssl.features.neighbours_result import NeighboursResult

CPU: dict[str, Any] = {"device": "cpu", "amp": False, "quiet": True}


def found(run: Path, images: Any, **settings: Any) -> NeighboursResult:
    return fastssl.neighbours(run, images, console=Console(file=io.StringIO()), **{**CPU, **settings})


@pytest.fixture
def cosines(run_folder: Path, named: Source, tmp_path: Path) -> np.ndarray:
    """Of all images with all, train, val and test one after the other, in float64."""
    fastssl.embed(run_folder, out=tmp_path / "f.npz", console=Console(quiet=True), **CPU)
    features = np.load(tmp_path / "f.npz", allow_pickle=False)["features"].astype(np.float64)
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    return directions @ directions.T


def places(result: NeighboursResult) -> list[int]:
    starts = {"train": 0, "val": 60, "test": 90}
    return [starts[one.split] + one.row for one in result.images[0].neighbours]


def test_they_are_those_of_brute_force_without_other_images_of_the_patient(
    run_folder: Path, named: Source, cosines: np.ndarray, tmp_path: Path
) -> None:
    result = found(run_folder, "test/9", k=12, out=tmp_path / "n.png")
    own = cosines[99].copy()
    own[98:102] = -2  # images 8 to 11 of test are one patient's
    assert places(result) == np.argsort(-own)[:12].tolist()
    np.testing.assert_allclose(
        [one.similarity for one in result.images[0].neighbours], np.sort(-own)[:12] * -1, atol=1e-5
    )
    assert result.images[0].left_out == 3
    labels = [
        named.class_names[np.asarray(named.splits[one.split].labels)[one.row]] for one in result.images[0].neighbours
    ]
    assert [one.label for one in result.images[0].neighbours] == labels
    assert [one.same_label for one in result.images[0].neighbours] == [one == result.images[0].label for one in labels]


def test_with_same_patient_only_the_image_itself_is_left_out(
    run_folder: Path, cosines: np.ndarray, tmp_path: Path
) -> None:
    result = found(run_folder, "test/scan 9.png", k=32, same_patient=True, split="test", out=tmp_path / "n.png")
    own = cosines[99, 90:].copy()
    own[9] = -2
    assert places(result) == (90 + np.argsort(-own)[:29]).tolist()  # all there are
    assert [one.row for one in result.images[0].neighbours if one.same_patient] == [
        row for row in np.argsort(-own) if row in (8, 10, 11)
    ]


def test_a_file_is_seen_as_the_data_are_and_finds_its_copy(run_folder: Path, named: Source, tmp_path: Path) -> None:
    Image.fromarray(np.asarray(named.splits["val"].images)[7, :, :, 0]).save(tmp_path / "copy.png")
    result = found(run_folder, [tmp_path / "copy.png", "val/7"], out=tmp_path / "n.png", split="val")
    first = result.images[0].neighbours[0]
    assert (first.split, first.row) == ("val", 7)
    assert first.similarity == pytest.approx(1, abs=1e-5)
    assert result.images[0].label == ""
    assert first.same_label is None
    assert (first.split, first.row) not in {(one.split, one.row) for one in result.images[1].neighbours}


def test_wide_values_go_through_the_range_of_the_data(run_folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 4096, (20, 16, 16)).astype(np.uint16)
    np.savez(tmp_path / "wide.npz", train_images=images)
    Image.fromarray(images[4]).save(tmp_path / "copy.png")
    settings: dict[str, Any] = {"data": str(tmp_path / "wide.npz"), "value_range": "0,4095", "out": tmp_path / "n.png"}
    first = found(run_folder, tmp_path / "copy.png", **settings).images[0].neighbours[0]
    assert (first.row, first.similarity) == (4, pytest.approx(1, abs=1e-5))


def test_the_picture_shows_the_images_themselves(run_folder: Path, named: Source, tmp_path: Path) -> None:
    result = found(run_folder, ["test/0", "val/1"], k=2, out=tmp_path / "n.png")
    picture = np.asarray(Image.open(tmp_path / "n.png"))
    for place, query in enumerate((("test", 0), ("val", 1))):
        shown = [query, *((one.split, one.row) for one in result.images[place].neighbours)]
        assert all(_is_in(picture, np.asarray(named.splits[split].images)[row, :, :, 0]) for split, row in shown)
    assert not _is_in(picture, np.asarray(named.splits["train"].images)[0, :, :, 0] // 2)


def _is_in(picture: np.ndarray, image: np.ndarray) -> bool:
    """Whether an image, each pixel 8 x 8, is anywhere in a picture."""
    large = image.repeat(8, axis=0).repeat(8, axis=1)
    grey, side = picture[..., 0], len(large)
    corners = np.argwhere(grey[: -side + 1, : -side + 1] == large[0, 0])
    return any(np.array_equal(grey[y : y + side, x : x + side], large) for y, x in corners)


def test_as_json_it_is_all_that_is_printed(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["neighbours", run_folder, "test/0", "--k", "2", "--json", "--device", "cpu", "--out", tmp_path / "n.png"]
    assert main([os.fspath(word) for word in line]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [len(image["neighbours"]) for image in told["images"]] == [2]
    assert told["searched"] == 120


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("test/999", "test/999: cells has 30 test images, counted from 0"),
        ("nowhere.png", "nowhere.png: no such file, and no image of cells"),
        ("colour.png", "has 3 channels, the images of cells have 1"),
        ("broken.png", "broken.png"),
        ("fractions.tif", "holds fractions, the images of cells whole numbers; give --value-range"),
    ],
)
def test_an_image_that_is_none_is_one_line(run_folder: Path, tmp_path: Path, image: str, told: str) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "colour.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    Image.fromarray(colours[..., 0].astype(np.float32) / 7).save(tmp_path / "fractions.tif")
    name = os.fspath(tmp_path / image) if (tmp_path / image).exists() else image
    with pytest.raises(DataError, match=told):
        found(run_folder, name, out=tmp_path / "n.png")
    assert not (tmp_path / "n.png").exists()


def test_without_an_image_there_is_nothing_to_look_from(run_folder: Path) -> None:
    with pytest.raises(ConfigError, match="images: give 1 to 50, got 0"):
        found(run_folder, [])

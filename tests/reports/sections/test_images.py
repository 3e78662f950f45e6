"""What is drawn of images: which are chosen, their neighbours against scikit-learn's."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from sklearn import neighbors

from fastssl.config import ReportConfig
from fastssl.reports.reading.run_record import find_records
from fastssl.reports.run_images import RunImages, class_indices, open_images
from fastssl.reports.sections.feature_map import choose_map_images, neighbour_agreement
from fastssl.reports.sections.neighbours import choose_queries


@pytest.fixture
def images(run: Path) -> RunImages:
    found, problems = open_images(find_records([run]), ReportConfig(device="cpu"), Console(file=io.StringIO()))
    assert problems == ()
    assert found is not None
    return found


def test_agreement_is_that_of_the_nearest_other_image() -> None:
    rng = np.random.default_rng(1)
    features, classes = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    places = neighbors.NearestNeighbors(metric="cosine").fit(features).kneighbors(n_neighbors=1, return_distance=False)
    agrees = classes[places[:, 0]] == classes
    whole, by_class = neighbour_agreement(torch.from_numpy(features), classes)
    assert whole == pytest.approx(agrees.mean())
    assert by_class == pytest.approx({label: agrees[classes == label].mean() for label in range(3)})


@pytest.mark.parametrize(("most", "parts"), [(10, {"test": 10}), (30, {"test": 24, "val": 6}), (500, None)])
def test_the_map_shows_test_images_first(images: RunImages, most: int, parts: dict[str, int] | None) -> None:
    shown = choose_map_images(images, most, 0)
    assert {part.split: len(part) for part in shown.parts} == (parts or {"test": 24, "val": 20, "train": 60})
    assert len(shown.names) == len(shown.classes)
    again = choose_map_images(images, most, 0)
    assert [part.rows.tolist() for part in again.parts] == [part.rows.tolist() for part in shown.parts]


def test_every_class_is_looked_from(images: RunImages) -> None:
    chosen = choose_queries(images)
    assert np.bincount(class_indices(images.parts.test)[chosen]).tolist() == [4, 4]
    assert len(set(chosen)) == 8


def test_an_encoder_that_cannot_see_the_images_is_left_out(
    make_run: Callable[..., Path], run: Path, tmp_path: Path
) -> None:
    broken = make_run("broken")
    (broken / "encoder.safetensors").write_bytes(b"no weights")
    found, _ = open_images(find_records([run, broken]), ReportConfig(device="cpu"), Console(file=io.StringIO()))
    assert found is not None
    assert [candidate.label for candidate in found.candidates] == ["run"]
    assert any(line.startswith("broken is left out: ") for line in found.problems)


def test_data_that_are_gone_are_told(run: Path, data_file: Path) -> None:
    data_file.unlink()
    found, problems = open_images(find_records([run]), ReportConfig(device="cpu"), Console(file=io.StringIO()))
    assert found is None
    assert "are no longer at" in problems[0]

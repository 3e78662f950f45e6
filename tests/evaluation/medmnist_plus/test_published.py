"""The published rows: each is in the table that they were taken from, and belongs where it is shown."""

from __future__ import annotations

import json
from importlib.resources import files
from math import isnan

import pytest
import timm

from fastssl.data.labels.medmnist_table import FLAGS, SIZES
from fastssl.evaluation.medmnist_plus.published import (
    ALL,
    CLASSIFIERS,
    MODELS,
    WITH_BATCH_NORM,
    published_scores,
    scores_beside,
)

DINO = "vit_base_patch16_224.dino"


def test_every_row_is_a_set_a_model_and_a_classifier_that_there_are() -> None:
    rows = published_scores()
    assert len({(row.flag, row.model, row.classifier, row.size) for row in rows}) == len(rows) == 28
    for row in rows:
        assert row.flag in (*FLAGS, ALL)
        assert row.size in SIZES
        assert row.classifier in CLASSIFIERS
        assert timm.is_model(row.model)
        assert 0.6 < row.acc < 1
        assert isnan(row.auc) or row.acc < row.auc < 1
        assert isnan(row.auc) >= (row.classifier == "knn")  # the benchmark has no AUC of kNN


def test_every_row_says_where_it_was_read() -> None:
    content = json.loads(files("fastssl.evaluation.medmnist_plus").joinpath("published.json").read_text("utf-8"))
    assert {row["source"] for row in content["rows"]} == set(content["sources"])


@pytest.mark.parametrize(
    ("flag", "size", "auc", "acc", "knn"),
    [
        (ALL, 28, 0.9094, 0.7823, 0.7361),
        (ALL, 224, 0.9499, 0.8511, 0.8190),
        ("pneumoniamnist", 224, 0.9892, 0.9156, 0.8974),
        ("breastmnist", 28, 0.8677, 0.8333, 0.7821),
    ],
)
def test_rows_beside_a_set_are_those_of_its_table(flag: str, size: int, auc: float, acc: float, knn: float) -> None:
    rows = {(row.model, row.classifier): row for row in scores_beside(flag, size, ["knn", "linear"])}
    assert (rows[DINO, "linear"].auc, rows[DINO, "linear"].acc) == pytest.approx((auc, acc))
    assert rows[DINO, "knn"].acc == pytest.approx(knn)


def test_only_classifiers_that_were_asked_for_stand_beside_and_training_end_to_end() -> None:
    assert {row.classifier for row in scores_beside(ALL, 28, ["knn"])} == {"knn", "end to end"}
    assert scores_beside("pathmnist", 28, ["knn", "linear"]) == []


def test_models_with_batch_norm_are_known_to_have_it() -> None:
    for name in MODELS:
        layers = timm.create_model("resnet18" if name == "resnet18" else "vit_tiny_patch16_224").modules()
        assert any("BatchNorm" in type(layer).__name__ for layer in layers) == (name in WITH_BATCH_NORM)

"""Images and patients by split and class, counted by hand."""

from __future__ import annotations

import numpy as np

from fastssl.inspection.counts import ClassCount, count_splits, shared_patients

from .conftest import MakeSource


def blank(count: int) -> np.ndarray:
    return np.zeros((count, 9, 9, 1), np.uint8)


def test_patients_are_counted_by_split_and_class(make_source: MakeSource) -> None:
    source = make_source(
        {"train": blank(6), "test": blank(3)},
        {"train": np.array([0, 0, 0, 1, 1, -1]), "test": np.array([1, 1, 1])},
        {"train": np.array([4, 4, 7, 7, 7, 2]), "test": np.array([7, 8, 8])},
        class_names=("well", "ill"),
    )
    found = count_splits(source)
    train = found["train"]
    assert (train.images, train.unlabelled, train.patients, train.per_patient) == (6, 1, 3, (1, 2.0, 3))
    assert train.classes == {"well": ClassCount(images=3, patients=2), "ill": ClassCount(images=2, patients=1)}
    assert found["test"].classes == {"well": ClassCount(images=0, patients=0), "ill": ClassCount(images=3, patients=2)}
    assert shared_patients(source) == {("train", "test"): 1}


def test_images_of_several_findings_count_for_each(make_source: MakeSource) -> None:
    labels = np.array([[1, 1], [0, 1], [0, 0], [-1, 1]])
    found = count_splits(make_source({"train": blank(4)}, {"train": labels}, class_names=("a", "b")))["train"]
    assert {name: own.images for name, own in found.classes.items()} == {"a": 1, "b": 3}
    assert found.unlabelled == 0


def test_what_is_not_known_is_none(make_source: MakeSource) -> None:
    source = make_source({"train": blank(4)})
    found = count_splits(source)["train"]
    assert (found.unlabelled, found.patients, found.per_patient, found.classes) == (None, None, None, {})
    assert shared_patients(source) == {}

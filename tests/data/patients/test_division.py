"""Whole patients in train, val and test: shares, classes, determinism, compared with scikit-learn's dealer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from fastssl.data.splits import assign_splits, notes_on_few_patients

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}


def hospital(patients: int, seed: int, classes: int = 4) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Paths, labels that are mostly the patient's own, patients."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(patients), rng.integers(1, 13, patients))
    labels = rng.choice(classes, patients, p=rng.dirichlet(np.full(classes, 2.0)))[groups]
    other = rng.random(len(groups)) < 0.2
    labels = np.where(other, rng.integers(0, classes, len(groups)), labels)
    return [f"{seed}/p{owner:04}/{row}.png" for row, owner in enumerate(groups)], labels, groups


def deviation(splits: np.ndarray, labels: np.ndarray) -> float:
    """Mean difference of the classes' shares from the wanted ones."""
    found = [
        abs(np.mean(splits[labels == label] == name) - share)
        for name, share in SHARES.items()
        for label in np.unique(labels)
    ]
    return float(np.mean(found))


def test_classes_are_divided_at_least_as_evenly_as_by_scikit_learn() -> None:
    ours, theirs = [], []
    for seed in range(8):
        paths, labels, groups = hospital(60 + 10 * seed, seed)
        ours.append(deviation(np.array(assign_splits(paths, labels, groups)), labels))
        fold = np.empty(len(labels), int)
        dealt = StratifiedGroupKFold(10, shuffle=True, random_state=seed).split(labels, labels, groups)
        for number, (_, rows) in enumerate(dealt):
            fold[rows] = number
        theirs.append(deviation(np.array(["train"] * 7 + ["val"] + ["test"] * 2)[fold], labels))
    assert np.mean(ours) <= np.mean(theirs)


@settings(max_examples=25)
@given(st.integers(3, 60), st.integers(0, 10**6), st.booleans())
def test_no_patient_is_in_two_splits_in_whatever_order_files_come(patients: int, seed: int, several: bool) -> None:
    paths, labels, groups = hospital(patients, seed)
    given_labels = np.eye(4, dtype=np.int64)[labels] if several else labels
    splits = np.array(assign_splits(paths, given_labels, groups))
    assert all(len(set(splits[groups == owner])) == 1 for owner in range(patients))
    order = np.random.default_rng(seed).permutation(len(paths))
    again = assign_splits([paths[row] for row in order], given_labels[order], 7000 - groups[order])
    assert again == splits[order].tolist()


@pytest.mark.parametrize(
    ("patients", "splits"), [(1, {"train"}), (2, {"train", "test"}), (3, {"train", "val", "test"})]
)
def test_a_class_is_in_every_split_as_far_as_its_patients_go(patients: int, splits: set[str]) -> None:
    groups = np.repeat(np.arange(40 + patients), 3)
    labels = np.where(groups < 40, groups % 2, 2)
    for seed in range(10):
        found = np.array(assign_splits([f"{seed}/{row}.png" for row in range(len(groups))], labels, groups))
        assert set(found[labels == 2]) == splits


def test_images_have_their_shares_also_where_files_have_many() -> None:
    paths, labels, groups = hospital(200, 1)
    images = np.random.default_rng(0).integers(1, 60, len(paths))
    splits = np.array(assign_splits(paths, labels, groups, images))
    for name, share in SHARES.items():
        assert images[splits == name].sum() / images.sum() == pytest.approx(share, abs=0.01)


def test_patients_of_one_image_each_are_divided_as_files_are() -> None:
    paths = [f"scans/{index:03}.png" for index in range(300)]
    labels = np.arange(300) % 3
    assert assign_splits(paths, labels, np.arange(300)[::-1]) == assign_splits(paths, labels)


def test_more_files_move_few_patients() -> None:
    paths, labels, groups = hospital(300, 0)
    before = np.random.default_rng(0).random(len(paths)) < 0.95
    first = np.array(
        assign_splits([p for p, own in zip(paths, before, strict=True) if own], labels[before], groups[before])
    )
    now = np.array(assign_splits(paths, labels, groups))[before]
    assert len(np.unique(groups[before][first != now])) <= 30


def test_a_class_of_one_patient_is_for_training_and_told() -> None:
    labels, groups = np.array([0] * 20 + [1] * 20 + [2] * 3), np.array([*range(10)] * 4 + [99] * 3)
    paths = [f"{row}.png" for row in range(43)]
    splits = np.array(assign_splits(paths, labels, groups))
    assert set(splits[labels == 2]) == {"train"}
    notes = notes_on_few_patients(labels, groups, ("a", "b", "c"))
    assert notes == ("classes of one patient, who is in train: not tested: c (3 images)",)


def test_patients_without_any_label_are_for_training() -> None:
    labels = np.array([-1, -1, *([0, 1] * 20)])
    groups = np.array([90, 90, *np.repeat(np.arange(20), 2)])
    assert assign_splits([f"{row}.png" for row in range(42)], labels, groups)[:2] == ["train", "train"]

"""Patients are on one side of a division, and classes are as evenly divided as scikit-learn does it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from fastssl.data.source import Source, Split
from fastssl.errors import DataError
from fastssl.evaluation.shared.held_out_groups import held_out_groups
from fastssl.evaluation.shared.partition import Partition, partition


def divided(labels: np.ndarray, groups: np.ndarray, seed: int = 0) -> Partition:
    split = Split(images=np.zeros((len(labels), 4, 4, 1), np.uint8), labels=labels, groups=groups)
    return partition(Source(name="cells", splits={"train": split}, task="multi-class"), seed)


def patients(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One to six images for each patient, of a class that is mostly the patient's own."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(count), rng.integers(1, 7, count))
    own = rng.choice(3, count, p=[0.6, 0.3, 0.1])[groups]
    order = rng.permutation(len(groups))
    return np.where(rng.random(len(groups)) < 0.1, 0, own)[order], groups[order]


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_is_in_two_parts_and_classes_keep_their_shares(seed: int) -> None:
    labels, groups = patients(120, seed)
    parts = divided(labels, groups, seed)
    rows = np.concatenate([part.rows for part in parts.all])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(labels)))
    for part in parts.all:
        np.testing.assert_array_equal(part.groups, groups[part.rows])
    owners = [set(part.groups.tolist()) for part in parts.all]
    assert not (owners[0] & owners[1] | owners[0] & owners[2] | owners[1] & owners[2])
    share = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(np.bincount(parts.test.labels, minlength=3) / len(parts.test), share, atol=0.06)
    assert len(parts.test) / len(labels) == pytest.approx(0.2, abs=0.03)


def test_what_is_held_out_is_a_fold_of_scikit_learn_s() -> None:
    labels, groups = patients(60)
    found = held_out_groups(labels, groups, 0.2, seed=4)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=4).split(labels, labels, groups)
    assert np.flatnonzero(found).tolist() in [rows.tolist() for _, rows in folds]


def test_a_class_of_one_patient_stays_in_training() -> None:
    labels, groups = np.array([0] * 8 + [1] * 8 + [2] * 2), np.array([0, 1, 2, 3] * 4 + [9, 9])
    for seed in range(5):
        assert 2 in divided(labels, groups, seed).train.labels


@pytest.mark.parametrize("seed", range(5))
def test_several_labels_keep_their_shares_and_no_patient_is_in_two_parts(seed: int) -> None:
    _, groups = patients(150, seed)
    labels = (np.random.default_rng(seed).random((len(groups), 3)) < [0.4, 0.2, 0.06]).astype(np.int64)
    parts = divided(labels, groups, seed)
    owners = [set(part.groups.tolist()) for part in parts.all]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 150
    np.testing.assert_allclose(parts.test.labels.sum(axis=0) / labels.sum(axis=0), 0.2, atol=0.08)
    assert (parts.train.labels.sum(axis=0) > 0).all()


def test_several_labels_are_divided_by_patients_alone() -> None:
    labels, groups = np.random.default_rng(0).integers(0, 2, (50, 3)), np.arange(50) // 5
    parts = divided(labels, groups)
    assert (len(parts.test), len(np.unique(parts.test.groups))) == (10, 2)


def test_the_report_says_how_many_patients_were_held_out() -> None:
    parts = divided(*patients(60))
    count = len(np.unique(parts.test.groups))
    assert (
        f"tested on {len(parts.test)} images of {count} patients held out of train (seed 0)"
        in (parts.held_out_notes()[0])
    )


@pytest.mark.parametrize("groups", [np.zeros(8, int), np.array([0, 0, 0, 0, 1, 1, 1, 1])], ids=["one", "one a class"])
def test_patients_that_training_cannot_do_without_are_one_clear_line(groups: np.ndarray) -> None:
    with pytest.raises(DataError, match="cells: every patient is needed in training"):
        divided(np.array([0, 0, 0, 0, 1, 1, 1, 1]), groups)


def test_a_subset_of_a_part_keeps_its_patients() -> None:
    labels, groups = patients(30)
    parts = divided(labels, groups)
    some = parts.train.some(np.array([3, 1]))
    np.testing.assert_array_equal(some.groups, parts.train.groups[[3, 1]])
    whole = parts.train.joined(parts.val)
    np.testing.assert_array_equal(whole.rows, np.sort(np.concatenate([parts.train.rows, parts.val.rows])))
    np.testing.assert_array_equal(whole.groups, groups[whole.rows])
    np.testing.assert_array_equal(whole.labels, labels[whole.rows])


def test_rare_labels_are_held_out_as_well_where_images_have_several() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 3)
    labels = np.stack([np.ones(300, int), groups % 10 == 3, rng.random(300) < 0.5], axis=1).astype(np.int64)
    for seed in range(5):
        parts = divided(labels, groups, seed)
        assert [int(part.labels[:, 1].sum()) // 3 for part in (parts.test, parts.val)] == [2, pytest.approx(2, abs=1)]

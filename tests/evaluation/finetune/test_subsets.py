"""Label fractions: exact, balanced, nested, seeded."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fastssl.evaluation.finetune.subsets import label_subset

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [700, 250, 51]))
FRACTIONS = (0.001, 0.01, 0.03, 0.1, 0.25, 0.5, 0.999, 1.0)


@pytest.mark.parametrize(("fraction", "count"), [(1.0, 1001), (0.5, 500), (0.1, 100), (0.01, 10), (0.001, 3)])
def test_it_takes_the_exact_number_of_labels_but_an_image_of_every_class(fraction: float, count: int) -> None:
    rows = label_subset(LABELS, fraction, seed=0)
    assert len(rows) == len(np.unique(rows)) == count
    assert set(LABELS[rows]) == {0, 1, 2}
    assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize("fraction", FRACTIONS[1:])
def test_every_class_keeps_its_share_to_within_one_image(fraction: float) -> None:
    counts = np.bincount(LABELS[label_subset(LABELS, fraction, seed=1)])
    assert np.abs(counts - fraction * np.bincount(LABELS)).max() <= 1


def test_equal_classes_get_equal_counts() -> None:
    labels = np.arange(400) % 4
    assert np.bincount(labels[label_subset(labels, 0.05, seed=5)]).tolist() == [5, 5, 5, 5]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("labels", [LABELS, np.stack([LABELS == 0, LABELS > 0], axis=1).astype(np.int64)])
def test_smaller_fractions_lie_within_larger_ones(labels: np.ndarray, seed: int) -> None:
    subsets = [set(label_subset(labels, fraction, seed).tolist()) for fraction in FRACTIONS]
    assert all(smaller <= larger for smaller, larger in itertools.pairwise(subsets))
    assert subsets[-1] == set(range(len(LABELS)))


def test_the_seed_alone_decides() -> None:
    first, again, other = (label_subset(LABELS, 0.05, seed).tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_every_image_can_be_drawn() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert {row for seed in range(60) for row in label_subset(labels, 0.3, seed).tolist()} == set(range(6))


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction must be above 0 and at most 1"):
        label_subset(LABELS, fraction, seed=0)


GROUPS = np.repeat(np.arange(250), np.random.default_rng(1).integers(1, 9, 250))
OF_PATIENTS = np.random.default_rng(2).choice(3, 250, p=[0.7, 0.25, 0.05])[GROUPS]


@pytest.mark.parametrize("labels", [OF_PATIENTS, np.eye(3, dtype=np.int64)[OF_PATIENTS]], ids=["classes", "several"])
def test_a_fraction_is_of_whole_patients_near_its_size_and_nested(labels: np.ndarray) -> None:
    subsets = [label_subset(labels, fraction, 3, GROUPS) for fraction in FRACTIONS]
    for fraction, rows in zip(FRACTIONS, subsets, strict=True):
        left = np.setdiff1d(np.arange(len(GROUPS)), rows)
        assert not set(GROUPS[rows]) & set(GROUPS[left])
        assert abs(len(rows) - fraction * len(GROUPS)) <= 8 * 3  # a patient of each class, at most eight images each
    assert all(set(few.tolist()) <= set(many.tolist()) for few, many in itertools.pairwise(subsets))
    assert len(subsets[-1]) == len(GROUPS)


def test_classes_keep_their_shares_among_whole_patients() -> None:
    counts = np.bincount(OF_PATIENTS[label_subset(OF_PATIENTS, 0.25, 0, GROUPS)])
    np.testing.assert_allclose(counts / np.bincount(OF_PATIENTS), 0.25, atol=0.08)
    assert set(OF_PATIENTS[label_subset(OF_PATIENTS, 0.001, 0, GROUPS)]) == {0, 1, 2}


def test_patients_of_one_image_each_are_drawn_as_images_are() -> None:
    alone = label_subset(LABELS, 0.1, 5, np.arange(len(LABELS))[::-1])
    np.testing.assert_array_equal(alone, label_subset(LABELS, 0.1, 5))

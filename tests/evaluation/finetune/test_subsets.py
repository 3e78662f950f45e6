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


SEVERAL = np.stack([np.arange(30) % 3 == 0, np.arange(30) % 3 < 2], axis=1).astype(np.int64)


@pytest.mark.parametrize(
    ("labels", "rows"),
    [(np.arange(30) % 3, [2, 6, 7, 9, 11, 16, 19, 23, 24]), (SEVERAL, [2, 6, 7, 9, 11, 12, 19, 23, 24])],
    ids=["one label", "several"],
)
def test_without_patients_and_with_an_image_of_each_subsets_are_those_of_before(
    labels: np.ndarray, rows: list[int]
) -> None:
    """Computed before subsets knew patients, so that no stored result changes."""
    for groups in (None, np.arange(30)[::-1]):
        assert label_subset(labels, 0.3, 5, groups).tolist() == rows


def patients(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups of 200 patients with one to six images, most of them of one class."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(200), rng.integers(1, 7, 200))
    own = rng.choice(3, 200, p=[0.6, 0.3, 0.1])[groups]
    order = rng.permutation(len(groups))
    return np.where(rng.random(len(groups)) < 0.1, 0, own)[order], groups[order]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("several", [False, True])
def test_subsets_are_of_whole_patients_and_nested(seed: int, several: bool) -> None:
    labels, groups = patients(seed)
    tables = np.eye(3, dtype=np.int64)[labels] if several else labels
    subsets = [set(label_subset(tables, fraction, seed, groups).tolist()) for fraction in FRACTIONS]
    assert all(smaller <= larger for smaller, larger in itertools.pairwise(subsets))
    assert subsets[-1] == set(range(len(labels)))
    for rows in subsets:
        inside = set(groups[sorted(rows)].tolist())
        assert rows == set(np.flatnonzero(np.isin(groups, list(inside))).tolist())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fraction", [0.03, 0.1, 0.25, 0.5])
def test_shares_of_images_and_of_classes_are_met_to_within_a_patient(fraction: float, seed: int) -> None:
    """Where each patient is of one class; the largest ones have six images."""
    _, groups = patients(seed)
    labels = np.random.default_rng(seed).choice(3, 200, p=[0.6, 0.3, 0.1])[groups]
    rows = label_subset(labels, fraction, seed, groups)
    assert abs(len(rows) - fraction * len(labels)) <= 3
    assert np.abs(np.bincount(labels[rows], minlength=3) - fraction * np.bincount(labels)).max() <= 6


def test_a_tiny_share_of_patients_has_every_class() -> None:
    for seed in range(10):
        labels, groups = patients(seed)
        rows = label_subset(labels, 0.001, seed, groups)
        assert set(labels[rows]) == {0, 1, 2}
        assert len(np.unique(groups[rows])) <= 3


def test_the_seed_decides_which_patients() -> None:
    labels, groups = patients(0)
    first, again, other = (label_subset(labels, 0.1, seed, groups).tolist() for seed in (0, 0, 1))
    assert first == again != other
    renamed = label_subset(labels, 0.1, 0, groups * 10 - 3)
    assert renamed.tolist() == first

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

"""Patients are sorted by their rarest class."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.patients.strata import NO_CLASS, stratify


def test_a_patient_counts_under_the_class_of_fewest_patients_that_it_has() -> None:
    labels = np.array([0, 0, 1, 0, 2, 1, 0, 1, -1])
    groups = np.array([5, 5, 5, 7, 7, 8, 9, 9, 10])
    found = stratify(labels, groups)
    assert found.counts.tolist() == [[2, 1, 0], [1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found.rarity.tolist() == [2, 1, 0]  # one patient, three, three: of these the one with fewer images first
    assert found.of.tolist() == [1, 2, 1, 1, NO_CLASS]
    assert found.images.tolist() == [3, 2, 1, 2, 1]
    assert found.labelled.tolist() == [True, True, True, True, False]


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_a_loop_over_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, groups, images = rng.integers(-1, 2, (40, 3)), rng.integers(0, 9, 40) * 3, rng.integers(1, 5, 40)
    found = stratify(labels, groups, images)
    for row, patient in enumerate(np.unique(groups)):
        own = [place for place in range(40) if groups[place] == patient]
        assert found.images[row] == sum(images[place] for place in own)
        for column in range(3):
            assert found.counts[row, column] == sum(images[place] for place in own if labels[place, column] == 1)
    np.testing.assert_array_equal(np.unique(groups)[found.patient], groups)


def test_an_image_without_any_finding_is_labelled_and_one_with_none_known_is_not() -> None:
    found = stratify(np.array([[0, 0], [-1, 0], [-1, -1]]), np.arange(3))
    assert found.of.tolist() == [NO_CLASS] * 3
    assert found.labelled.tolist() == [True, True, False]


def test_names_of_patients_do_not_count() -> None:
    labels, groups = np.arange(30) % 4, np.arange(30) // 3
    first, renamed = stratify(labels, groups), stratify(labels, groups * 1000 - 77)
    np.testing.assert_array_equal(first.of, renamed.of)
    np.testing.assert_array_equal(first.counts, renamed.counts)

"""Moves and exchanges of patients even out the shares, and only those that help."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.patients.exchange import EVEN, exchange

SHARES = (0.7, 0.1, 0.2)


def error(split: np.ndarray, amounts: np.ndarray) -> float:
    """Sum of the squared deviations of all shares."""
    parts = np.stack([amounts[split == part].sum(axis=0) for part in range(3)]) / amounts.sum(axis=0)
    return float(((parts - np.array(SHARES)[:, None]) ** 2).sum())


def steps_from(split: np.ndarray) -> list[np.ndarray]:
    """All divisions that differ by one patient's move, or by two patients that change places."""
    found = []
    for patient in range(len(split)):
        for part in range(3):
            found.append(split.copy())
            found[-1][patient] = part
        for other in range(patient):
            found.append(split.copy())
            found[-1][[patient, other]] = split[[other, patient]]
    return found


@pytest.mark.parametrize("seed", range(6))
def test_it_ends_where_no_move_and_no_exchange_helps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    amounts = rng.integers(1, 12, (14, 2)).astype(float)  # every patient has all classes: no last one to keep
    start = rng.permutation(np.repeat([0, 1, 2], [8, 3, 3]))
    found = exchange(start, np.arange(14), amounts, SHARES)
    assert error(found, amounts) < error(start, amounts)
    shares = np.stack([amounts[found == part].sum(axis=0) for part in range(3)]) / amounts.sum(axis=0)
    if np.abs(shares - np.array(SHARES)[:, None]).max() > EVEN:
        allowed = [one for one in steps_from(found) if len(np.unique(one)) == 3]
        assert min(error(one, amounts) for one in allowed) > error(found, amounts) - 1e-8


def test_patients_that_may_not_move_stay() -> None:
    rng = np.random.default_rng(0)
    amounts, start = rng.integers(1, 9, (30, 3)).astype(float), rng.integers(0, 3, 30)
    found = exchange(start, np.arange(10), amounts, SHARES)
    np.testing.assert_array_equal(found[10:], start[10:])
    assert not np.array_equal(found, start)


def test_the_last_patient_of_a_class_leaves_no_split() -> None:
    amounts = np.column_stack([np.full(10, 3.0), np.eye(10)[0] + np.eye(10)[1] + np.eye(10)[2]])
    start = np.array([0, 1, 2, 0, 0, 0, 0, 0, 0, 0])
    found = exchange(start, np.arange(10), amounts, SHARES)
    assert sorted(found[:3].tolist()) == [0, 1, 2]


def test_what_is_even_stays_as_it_is() -> None:
    start = np.repeat([0, 1, 2], [7, 1, 2])
    np.testing.assert_array_equal(exchange(start, np.arange(10), np.ones((10, 1)), SHARES), start)


def test_the_last_patient_of_a_class_may_change_places_with_another_of_that_class() -> None:
    """One with 8 images and one with 1, both of a class of nothing else: the larger one belongs in train."""
    amounts = np.array([[1.0, 10], [8.0, 10]])
    assert exchange(np.array([0, 1]), np.arange(2), amounts, (0.8, 0.2)).tolist() == [1, 0]

"""The counter-based generator: uniform, independent, and a pure function of its counter."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.pipelines.random import permutation, uniform, words


def test_words_are_the_published_splitmix64_sequence() -> None:
    """Successive slots of a sample are the outputs of a SplitMix64 generator, written here in Python integers."""
    mask, golden = 2**64 - 1, 0x9E3779B97F4A7C15

    def successor(state: int) -> int:
        z = state & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    assert successor(1234567 + golden) == 6457827717110365317  # the sequence's first number for seed 1234567
    inverse_state = _unmix(int(words(0, 0, np.array([5]), 0, 1)[0, 0])) - golden
    drawn = [int(value) for value in words(0, 0, np.array([5]), 0, 4)[0]]
    assert drawn == [successor(inverse_state + n * golden) for n in range(1, 5)]


def _unmix(value: int) -> int:
    """Invert the finaliser: each step is a bijection of 64-bit integers."""
    mask = 2**64 - 1
    value ^= (value >> 31) ^ (value >> 62)
    value = value * pow(0x94D049BB133111EB, -1, 2**64) & mask
    value ^= (value >> 27) ^ (value >> 54)
    value = value * pow(0xBF58476D1CE4E5B9, -1, 2**64) & mask
    return value ^ (value >> 30) ^ (value >> 60)


def test_numbers_are_uniform() -> None:
    u = uniform(3, 1, np.arange(50_000), 0, 4)
    counts = np.stack([np.histogram(column, bins=50, range=(0, 1))[0] for column in u.T])
    chi_squared = ((counts - 1000) ** 2 / 1000).sum(axis=1)
    assert u.min() >= 0
    assert u.max() < 1
    assert (chi_squared < 95).all()  # 49 degrees of freedom: exceeded once in 10 000


@pytest.mark.parametrize(
    "other",
    [(8, 0, 0), (7, 1, 0), (7, 0, 1), (0, 7, 0), (0, 0, 7)],
    ids=["seed", "epoch", "stream", "seed-for-epoch", "seed-for-stream"],
)
def test_another_seed_epoch_or_stream_gives_unrelated_numbers(other: tuple[int, int, int]) -> None:
    indices = np.arange(20_000)
    mine = uniform(7, 0, indices, 0, 1)[:, 0]
    seed, epoch, stream = other
    theirs = uniform(seed, epoch, indices, stream, 1)[:, 0]
    assert abs(np.corrcoef(mine, theirs)[0, 1]) < 0.03


def test_neighbouring_samples_and_slots_are_unrelated() -> None:
    u = uniform(0, 0, np.arange(20_000), 0, 6)
    assert np.abs(np.corrcoef(u.T) - np.eye(6)).max() < 0.03
    assert abs(np.corrcoef(u[:-1, 0], u[1:, 0])[0, 1]) < 0.03


def test_a_samples_numbers_do_not_depend_on_its_batch() -> None:
    whole = uniform(1, 2, np.arange(100), 3, 5)
    picked = np.array([70, 3, 99])
    assert np.array_equal(uniform(1, 2, picked, 3, 5), whole[picked])
    assert np.array_equal(uniform(1, 2, picked, 3, 2), whole[picked][:, :2])


def test_every_epoch_visits_every_sample_once_in_its_own_order() -> None:
    first, second = permutation(0, 0, 1000), permutation(0, 1, 1000)
    assert np.array_equal(np.sort(first), np.arange(1000))
    assert np.array_equal(np.sort(second), np.arange(1000))
    assert (first == second).mean() < 0.02
    assert np.array_equal(first, permutation(0, 0, 1000))


def test_orders_are_unbiased() -> None:
    """Over many epochs each sample comes first, and last, equally often."""
    orders = np.stack([permutation(5, epoch, 6) for epoch in range(6000)])
    for place in (0, 5):
        counts = np.bincount(orders[:, place], minlength=6)
        assert ((counts - 1000) ** 2 / 1000).sum() < 26  # 5 degrees of freedom: exceeded once in 10 000

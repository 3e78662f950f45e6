"""Pairs of near hashes, against comparing each with each."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastssl.inspection import near_pairs as module
from fastssl.inspection.near_pairs import bits_of, near_pairs


def found(hashes: list[int], distance: int) -> list[tuple[int, int]]:
    parts = near_pairs(np.array(hashes, dtype=np.uint64), distance)
    return [(min(pair), max(pair)) for one, other in parts for pair in zip(one.tolist(), other.tolist(), strict=True)]


def expected(hashes: list[int], distance: int) -> list[tuple[int, int]]:
    pairs = [(i, j) for j in range(len(hashes)) for i in range(j)]
    return sorted((i, j) for i, j in pairs if bin(hashes[i] ^ hashes[j]).count("1") <= distance)


@st.composite
def clustered(draw: st.DrawFn) -> list[int]:
    """Hashes of which many are a few bits from each other."""
    centres = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    flips = st.lists(st.integers(0, 63), max_size=9)
    members = draw(st.lists(st.tuples(st.sampled_from(centres), flips), max_size=30))
    return [centre ^ sum({1 << bit for bit in bits}) for centre, bits in members]


@given(clustered(), st.integers(0, 16))
def test_every_near_pair_is_found_once_and_no_other(hashes: list[int], distance: int) -> None:
    assert sorted(found(hashes, distance)) == expected(hashes, distance)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_pairs_do_not_depend_on_how_many_are_compared_at_a_time(chunk: int) -> None:
    hashes = [5, 5, 7, 5, 2**63, 2**63 + 1, 5] * 4
    with patch.object(module, "CHUNK", chunk):
        assert sorted(found(hashes, 2)) == expected(hashes, 2)


def test_a_hundred_thousand_hashes_are_not_compared_each_with_each() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 100_000, dtype=np.uint64)
    hashes[99_999] = hashes[3] ^ np.uint64(0b10110)
    compared = 0

    def counted(words: np.ndarray) -> np.ndarray:
        nonlocal compared
        compared += len(words)
        return bits_of(words)

    with patch.object(module, "bits_of", counted):
        pairs = [
            tuple(sorted((int(a), int(b)))) for one, two in near_pairs(hashes, 3) for a, b in zip(one, two, strict=True)
        ]
    assert pairs == [(3, 99_999)]
    assert compared < 1_000_000  # of 5,000,000,000


def test_without_numpy_2_bits_are_counted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert bits_of(np.array([[0, 1], [2**64 - 1, 0b1011]], dtype=np.uint64)).tolist() == [[0, 1], [64, 3]]

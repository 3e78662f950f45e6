"""Alignment and uniformity against the paper's formulae in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastssl.embeddings.hypersphere import alignment, uniformity

RNG = np.random.default_rng(0)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_alignment_is_the_mean_squared_distance_on_the_sphere() -> None:
    first, second = RNG.normal(size=(2, 30, 8))
    expected = np.mean(np.sum((unit(first) - unit(second)) ** 2, axis=1))
    assert alignment(torch.from_numpy(first), torch.from_numpy(second)) == pytest.approx(expected, rel=1e-5)
    assert alignment(torch.from_numpy(first), torch.from_numpy(3 * first)) == pytest.approx(0, abs=1e-6)
    assert alignment(torch.from_numpy(first), torch.from_numpy(-first)) == pytest.approx(4, rel=1e-6)


def test_uniformity_is_the_log_of_the_mean_potential_of_all_pairs() -> None:
    rows = RNG.normal(size=(25, 6))
    own = unit(rows)
    pairs = [np.exp(-2 * np.sum((own[i] - own[j]) ** 2)) for i in range(25) for j in range(i)]
    assert uniformity(torch.from_numpy(rows)) == pytest.approx(np.log(np.mean(pairs)), rel=1e-5)
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0, abs=1e-6)


def test_what_has_no_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="two embeddings"):
        uniformity(torch.ones(1, 3))
    with pytest.raises(ValueError, match="same images"):
        alignment(torch.ones(2, 3), torch.ones(3, 3))
    with pytest.raises(ValueError, match="same images"):
        alignment(torch.ones(0, 3), torch.ones(0, 3))

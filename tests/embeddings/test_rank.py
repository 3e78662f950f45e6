"""RankMe against its formula, by singular values in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastssl.embeddings.rank import rankme


def by_the_formula(matrix: np.ndarray) -> float:
    """Equation 1 of Garrido et al. (ICML 2023)."""
    sigma = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    share = sigma / sigma.sum() + 1e-7
    return float(np.exp(-(share * np.log(share)).sum()))


@pytest.mark.parametrize("shape", [(50, 20), (20, 50), (64, 64), (1, 8), (8, 1)])
def test_the_rank_is_that_of_the_formula(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).normal(2.0, 1.0, shape).astype(np.float32)
    assert rankme(torch.from_numpy(matrix)) == pytest.approx(by_the_formula(matrix), rel=1e-6)


def test_directions_of_little_weight_count_little() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 64)) + 1e-3 * rng.normal(size=(200, 64))
    found = rankme(torch.from_numpy(matrix))
    assert found == pytest.approx(by_the_formula(matrix), rel=1e-4)
    assert 3 < found < 6


def test_equal_weights_in_k_directions_are_rank_k() -> None:
    assert rankme(torch.eye(7)) == pytest.approx(7, rel=1e-5)
    assert rankme(torch.ones(9, 4)) == pytest.approx(1, rel=1e-4)
    assert rankme(torch.zeros(9, 4)) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (3,)])
def test_a_matrix_without_embeddings_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not empty"):
        rankme(torch.zeros(shape))

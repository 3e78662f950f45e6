"""RankMe: in how many dimensions embeddings really lie.

Covers: the effective rank of a matrix of embeddings. Does not cover: which images they are of, what a low rank means
(`collapse.py`).

Garrido et al., "RankMe: Assessing the Downstream Performance of Pretrained Self-Supervised Representations by Their
Rank", ICML 2023, equation 1: exp(-sum p_k log p_k) with p_k = sigma_k / sum sigma + 1e-7, the singular values sigma.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-7
"""The paper's."""


def rankme(embeddings: Tensor) -> float:
    """Return the effective rank of embeddings: 1 where all lie on a line, min(N, D) where they fill all dimensions.

    Args:
        embeddings: float `[N, D]`; they are neither centred nor normalised, as in the paper.

    Raises:
        ValueError: there are none.
    """
    if embeddings.ndim != 2 or 0 in embeddings.shape:
        raise ValueError(f"embeddings must be [N, D], and not empty, got {list(embeddings.shape)}")
    matrix = embeddings.double().cpu()  # on a CPU: Apple's GPUs have no float64
    # Eigenvalues of the smaller Gram matrix: a tenth of the time of the singular values (2000 x 2048 on 2 cores), and
    # what squaring loses of the smallest ones (1e-8 of the largest) is below the paper's epsilon.
    gram = matrix.T @ matrix if matrix.shape[0] > matrix.shape[1] else matrix @ matrix.T
    sigma = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt()
    share = sigma / sigma.sum().clamp_min(torch.finfo(sigma.dtype).tiny) + EPSILON
    return float(torch.exp(-(share * share.log()).sum()))

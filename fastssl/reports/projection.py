"""Features in two dimensions, for a map.

Covers: t-SNE by scikit-learn, UMAP by umap-learn where that is installed, and principal components. Does not cover:
features, drawing.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fastssl.config.report import Projection
from fastssl.errors import ConfigError

COMPONENTS = 50
"""Principal components that t-SNE and UMAP see, as in van der Maaten and Hinton (JMLR 9, 2008)."""
PERPLEXITY = 30.0
FEWEST = 8
"""Images that t-SNE and UMAP need."""

NAMES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "principal components"}


def check_projection(asked: Projection) -> None:
    """Check that features can be projected as asked for.

    Args:
        asked: how.

    Raises:
        ConfigError: its package is not installed.
    """
    if asked == "umap" and find_spec("umap") is None:
        raise ConfigError(["projection=umap: pip install umap-learn, or leave it out"])


def project(features: Tensor, how: Projection, seed: int) -> Tensor:
    """Project features to two dimensions; the same features and seed give the same map.

    Args:
        features: `[N, D]`.
        how: "tsne", "umap" or "pca"; fewer than 8 images are shown by "pca".
        seed: of what is random.

    Returns:
        float32 `[N, 2]`.
    """
    directions = F.normalize(features.double(), dim=1)  # by cosine similarity, as nearest neighbours are found
    if how == "pca" or len(features) < FEWEST:
        return principal_components(directions, 2).float()
    reduced = principal_components(directions, COMPONENTS).float().numpy()
    found = _umap(reduced, seed) if how == "umap" else _tsne(reduced, seed)
    return torch.from_numpy(np.asarray(found, dtype=np.float32))


def principal_components(values: Tensor, count: int) -> Tensor:
    """Return the first principal components, each with its largest entry positive.

    Args:
        values: float64 `[N, D]`.
        count: how many components at most.

    Returns:
        `[N, count]`; zeros where there are fewer.
    """
    centred = values - values.mean(dim=0)
    left, size, _ = torch.linalg.svd(centred, full_matrices=False)
    found = left[:, :count] * size[:count]
    found = found * torch.where(found.gather(0, found.abs().argmax(dim=0, keepdim=True)) < 0, -1.0, 1.0)
    return F.pad(found, (0, max(0, min(count, 2) - found.shape[1])))


def _tsne(values: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    found: np.ndarray = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(values)
    return found


def _umap(values: np.ndarray, seed: int) -> np.ndarray:
    from umap import UMAP

    found: np.ndarray = UMAP(n_neighbors=min(15, len(values) - 1), random_state=seed).fit_transform(values)
    return found

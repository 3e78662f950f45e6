"""Projections: principal components against NumPy, equal maps for equal seeds, neighbours that stay neighbours."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fastssl.errors import ConfigError
from fastssl.reports import projection
from fastssl.reports.projection import check_projection, principal_components, project


def clusters() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    centres = torch.eye(12)[:3] * 10
    return (centres[:, None] + torch.randn(3, 20, 12, generator=generator)).reshape(60, 12)


def test_principal_components_are_those_of_numpy_up_to_the_sign() -> None:
    values = np.random.default_rng(0).normal(size=(30, 5)) * [5, 3, 2, 1, 1]
    centred = values - values.mean(0)
    expected = centred @ np.linalg.svd(centred)[2][:2].T
    found = principal_components(torch.from_numpy(values), 2).numpy()
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-9)
    assert (found[np.abs(found).argmax(0), [0, 1]] > 0).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_images_have_a_place_as_well(count: int) -> None:
    found = project(torch.randn(count, 4), "tsne", 0)
    assert found.shape == (count, 2)
    assert found.isfinite().all()


def test_t_sne_keeps_clusters_apart_and_is_the_same_for_the_same_seed() -> None:
    features = clusters()
    found = project(features, "tsne", 3)
    assert torch.equal(found, project(features, "tsne", 3))
    apart = torch.cdist(found, found)
    apart.fill_diagonal_(torch.inf)
    labels = torch.arange(60) // 20
    assert (labels[apart.argmin(1)] == labels).all()


def test_the_length_of_features_does_not_matter() -> None:
    features = F.normalize(clusters(), dim=1)
    lengths = torch.linspace(1, 5, 60)[:, None]
    torch.testing.assert_close(project(features, "pca", 0), project(features * lengths, "pca", 0), atol=1e-5, rtol=0)


def test_a_projection_that_is_not_installed_is_refused_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install umap-learn"):
        check_projection("umap")
    check_projection("tsne")
    check_projection("pca")


def test_umap_is_given_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the package, which may be missing."""

    class Umap:
        def __init__(self, n_neighbors: int, random_state: int) -> None:
            self.given = (n_neighbors, random_state)

        def fit_transform(self, values: np.ndarray) -> np.ndarray:
            return np.full((len(values), 2), self.given)

    monkeypatch.setitem(sys.modules, "umap", type("umap", (), {"UMAP": Umap}))
    assert project(clusters(), "umap", 7)[0].tolist() == [15, 7]

"""Collapse is called by its name where embeddings are made to collapse, and not where they are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastssl.embeddings.collapse import collapse_of, spread
from fastssl.embeddings.rank import rankme
from fastssl.models.encoder import create_encoder


def named(embeddings: torch.Tensor) -> str:
    return collapse_of(embeddings, rankme(embeddings))


def test_the_spread_is_one_for_normal_embeddings_and_zero_for_equal_ones() -> None:
    normal = torch.from_numpy(np.random.default_rng(0).normal(size=(2000, 64)))
    unit = normal.numpy() / np.linalg.norm(normal.numpy(), axis=1, keepdims=True)
    assert spread(normal) == pytest.approx(unit.std(axis=0).mean() * 8)
    assert spread(normal) == pytest.approx(1, abs=0.02)
    assert spread(torch.ones(9, 4)) == pytest.approx(0, abs=1e-6)


def test_equal_embeddings_are_a_complete_collapse_and_a_plane_is_a_dimensional_one() -> None:
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(1, 64))
    assert named(torch.from_numpy(direction + 1e-4 * rng.normal(size=(300, 64)))) == "complete collapse"
    assert named(torch.from_numpy(rng.normal(size=(300, 2)) @ rng.normal(size=(2, 64)))) == "dimensional collapse"
    assert named(torch.from_numpy(rng.normal(size=(300, 64)))) == ""


@pytest.mark.parametrize("name", ["test_resnet", "resnet18"])
def test_an_encoder_that_has_just_begun_has_not_collapsed(name: str) -> None:
    encoder = create_encoder(name, 1, 28, seed=0).eval()
    rng = np.random.default_rng(0)
    waves = [
        np.sin(np.add.outer(*(rng.uniform(0, 1) * np.arange(28) + rng.uniform(0, 6) for _ in "xy"))) for _ in range(64)
    ]
    images = torch.from_numpy(np.stack(waves)[:, None].astype(np.float32))
    with torch.no_grad():
        assert named(encoder(images)) == ""

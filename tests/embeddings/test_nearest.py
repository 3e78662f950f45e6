"""The most similar embeddings are those of another library, and what is left out does not count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import neighbors

from fastssl.embeddings import nearest as module
from fastssl.embeddings.nearest import nearest


@pytest.mark.parametrize("at_once", [1, 120, 1 << 24])
def test_neighbours_are_those_of_scikit_learn_in_blocks_of_any_size(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SIMILARITIES_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    embeddings, queries = rng.normal(size=(50, 6)), rng.normal(size=(7, 6))
    distances, places = neighbors.NearestNeighbors(metric="cosine").fit(embeddings).kneighbors(queries, 5)
    found = nearest(torch.from_numpy(embeddings), torch.from_numpy(queries), 5)
    np.testing.assert_array_equal(torch.stack([one.places for one in found]), places)
    np.testing.assert_allclose(torch.stack([one.similarities for one in found]), 1 - distances)


def test_what_is_left_out_is_no_neighbour_and_as_many_as_there_are_are_found() -> None:
    embeddings = torch.from_numpy(np.random.default_rng(1).normal(size=(8, 3)))
    similar = torch.nn.functional.cosine_similarity(embeddings[:2, None], embeddings[None], dim=2).numpy()
    left_out = [np.array([0, 3, 3]), np.arange(8)]
    few, none = nearest(embeddings, embeddings[:2], 20, left_out)
    assert few.places.tolist() == [row for row in np.argsort(-similar[0]) if row not in (0, 3)]
    assert len(none.places) == 0

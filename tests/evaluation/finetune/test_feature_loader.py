"""Batches of features behave as a loader's batches of images do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastssl.evaluation.finetune.feature_loader import FeatureLoader
from fastssl.pipelines import Loader, Plain

ROWS = 11
FEATURES = torch.arange(ROWS, dtype=torch.float32)[:, None].repeat(1, 3)
LABELS = np.arange(ROWS) % 4


def made(**settings: object) -> FeatureLoader:
    return FeatureLoader(FEATURES, LABELS, **{"batch_size": 4, "device": torch.device("cpu"), "seed": 7, **settings})


def test_its_order_is_the_image_loaders() -> None:
    """So that a frozen and an end-to-end trial of one seed see the images in the same batches."""
    images = np.zeros((ROWS, 8, 8, 1), np.uint8)
    with Loader(images, Plain(8, 1), batch_size=4, seed=7) as loader:
        expected = [[batch["index"].tolist() for batch in loader] for _ in range(3)]
    ours = made()
    assert [[batch["index"].tolist() for batch in ours] for _ in range(3)] == expected


def test_rows_stay_with_their_labels() -> None:
    for batch in made():
        assert batch["image"][:, 0].tolist() == batch["index"].tolist()
        assert batch["label"].tolist() == [index % 4 for index in batch["index"].tolist()]


def test_unshuffled_every_row_comes_in_its_order_every_time() -> None:
    loader = made(shuffle=False)
    assert len(loader) == 3
    for _ in range(2):
        assert torch.cat([batch["index"] for batch in loader]).tolist() == list(range(ROWS))


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_it_goes_on_from_a_saved_position(taken: int) -> None:
    def indices(loader: FeatureLoader) -> list[list[int]]:
        return [batch["index"].tolist() for _ in range(3) for batch in loader]

    whole = indices(made())
    first = made()
    for _ in range(taken):
        next(iter(first))
    second = made()
    second.load_state_dict(first.state_dict())
    assert indices(second)[: len(whole) - taken] == whole[taken:]

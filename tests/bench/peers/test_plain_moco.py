"""That the plain PyTorch peer starts as ours does and computes what Algorithm 1 of MoCo says.

Covers: weights, gradients, queue, loss, how strong its views are. Does not cover: speed
(`bench/end_to_end/test_peers.py`).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench.peers.starting import lightly_strength
from fastssl.data import open_source
from fastssl.kernels import info_nce
from fastssl.pipelines import Loader, TwoCrops
from tests.bench.peers.sides import brightness, check_start, check_strength, contrast, sharpness

pytest.importorskip("torchvision", reason="needs torchvision: pip install torchvision")
from bench.peers.plain_moco import EMBEDDING, MOMENTUM, TEMPERATURE, MoCo, Training, TwoViews

SAMPLES = 400


@pytest.mark.parametrize("channels", [1, 3])
def test_it_starts_from_the_same_encoder_and_the_same_shape_of_head(channels: int) -> None:
    check_start(*MoCo(channels, 8).query, channels)


def test_the_key_moves_towards_the_query_without_gradients() -> None:
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32), dtype=np.uint8)
    training = Training(images, batch_size=8, queue_size=16, strength={}, bf16=False)
    before = [parameter.clone() for parameter in training.model.key.parameters()]
    training.step()
    moved = zip(before, training.model.key.parameters(), training.model.query.parameters(), strict=True)
    for old, key, query in moved:
        torch.testing.assert_close(key, MOMENTUM * old + (1 - MOMENTUM) * query)
    assert all(parameter.grad is None for parameter in training.model.key.parameters())
    assert all(parameter.grad is not None for parameter in training.model.query.parameters())
    assert any(not torch.equal(old, key) for old, key in zip(before, training.model.key.parameters(), strict=True))
    assert torch.isfinite(training.total_loss)


def test_the_first_keys_in_are_the_first_out() -> None:
    model = MoCo(1, 8)
    batches = [torch.full((4, EMBEDDING), float(number)) for number in range(3)]
    untouched = model.queue[4:].clone()
    model.enqueue(batches[0])
    assert torch.equal(model.queue, torch.cat([batches[0], untouched]))
    model.enqueue(batches[1])
    model.enqueue(batches[2])
    assert torch.equal(model.queue, torch.cat([batches[2], batches[1]]))


def test_its_loss_is_info_nce_of_its_embeddings() -> None:
    torch.manual_seed(0)
    model = MoCo(1, 24)
    queries, keys = model.embed(torch.randn(6, 1, 32, 32), torch.randn(6, 1, 32, 32))
    assert queries.requires_grad
    assert not keys.requires_grad
    torch.testing.assert_close(queries.norm(dim=1), torch.ones(6))
    ours = info_nce(queries, keys, model.queue, TEMPERATURE)
    torch.testing.assert_close(model.loss(queries, keys), ours, rtol=1e-5, atol=1e-5)


def test_a_step_under_bf16_learns_in_fp32() -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    training = Training(images, batch_size=8, queue_size=8, strength={}, bf16=True)
    training.step()
    assert training.model.queue.dtype == torch.float32
    assert torch.isfinite(training.total_loss)


# Hue apart: ours turns it at constant luma, torchvision in HSV. In colour blur is always on, to show in few samples.
@pytest.mark.parametrize("view", [TwoCrops(28, 1), TwoCrops(64, 3, hue=0.0, blur=1.0)], ids=["grey", "colour"])
def test_its_views_are_as_strong_as_ours(view: TwoCrops) -> None:
    source = open_source("demo" if view.channels == 1 else "demo-colour", size=view.size)
    image = source.splits["train"].images[:1].copy()
    ours = Loader(np.repeat(image, SAMPLES, axis=0), view, batch_size=SAMPLES, device="cpu", prefetch=0)
    theirs = TwoViews(image, lightly_strength(view))
    torch.manual_seed(0)
    sides = next(iter(ours))["query"], torch.stack([theirs[0][0] for _ in range(SAMPLES)])
    check_strength(*sides, (brightness, contrast, sharpness), rel=0.15)


def test_views_of_one_image_differ() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), dtype=np.uint8)
    one, other = TwoViews(images, lightly_strength(TwoCrops(32, 1, rotation=10.0, vertical_flip=0.5)))[0]
    assert one.shape == other.shape == (1, 32, 32)
    assert not torch.equal(one, other)
    assert F.relu(one.abs() - 1).max() == 0

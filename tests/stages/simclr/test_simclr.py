"""SimCLR against the paper's equation 1 and Algorithm 1, written out in NumPy in fp64; layout, compilation, seed."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastssl.models.encoder import create_encoder
from fastssl.stages.simclr.objective import SimCLR

BATCH, PIXELS, FEATURES, SIZE = 5, 12, 7, 32


def batch(channels: int = 3, size: int = SIZE, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Two crops of random images, laid out as the loader does it."""
    random = torch.Generator().manual_seed(1)
    image = torch.randn(BATCH, channels, size, size, generator=random, dtype=torch.float64)
    crops = {
        name: image + 0.5 * torch.randn(image.shape, generator=random, dtype=torch.float64) for name in ("query", "key")
    }
    return {name: crop.to(dtype, memory_format=torch.channels_last) for name, crop in crops.items()}


def small(temperature: float = 0.5) -> SimCLR:
    """With an encoder of a few lines: one layer and a batch norm."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, FEATURES), nn.BatchNorm1d(FEATURES))
    return SimCLR(encoder, FEATURES, batch_size=BATCH, temperature=temperature).double().train()


def stage(*, encoder: str = "test_resnet", channels: int = 3, seed: int = 0) -> SimCLR:
    made = create_encoder(encoder, channels, SIZE, seed=0)
    return SimCLR(made, made.num_features, batch_size=BATCH, seed=seed).train()


def algorithm_1(model: SimCLR, query: np.ndarray, key: np.ndarray) -> tuple[float, float]:
    """The paper's Algorithm 1 on crops `[B, PIXELS]`, one pair (i, j) at a time; returns the loss and top1.

    h = f(x) with batch norm over all 2N crops, z = W2 relu(W1 h).
    """
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    linear = np.concatenate([query, key]) @ weights["encoder.1.weight"].T + weights["encoder.1.bias"]
    h = (linear - linear.mean(axis=0)) / np.sqrt(linear.var(axis=0) + 1e-5)
    hidden = np.maximum(h @ weights["head.0.weight"].T + weights["head.0.bias"], 0)
    z = hidden @ weights["head.2.weight"].T + weights["head.2.bias"]
    count = len(z)

    def s(i: int, j: int) -> float:
        return z[i] @ z[j] / (np.linalg.norm(z[i]) * np.linalg.norm(z[j]))

    def ell(i: int, j: int) -> float:
        others = sum(np.exp(s(i, k) / model.temperature) for k in range(count) if k != i)
        return -np.log(np.exp(s(i, j) / model.temperature) / others)

    partner = {i: (i + BATCH) % count for i in range(count)}
    hits = [max((k for k in range(count) if k != i), key=lambda k, i=i: s(i, k)) == partner[i] for i in range(count)]
    return sum(ell(i, partner[i]) for i in range(count)) / count, float(np.mean(hits))


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_the_loss_is_the_papers_over_both_crops_of_every_image(temperature: float) -> None:
    model, random = small(temperature), np.random.default_rng(0)
    query = random.normal(size=(BATCH, PIXELS))
    key = query + 0.5 * random.normal(size=query.shape)
    loss, top1 = algorithm_1(model, query, key)
    output = model.loss({"query": torch.from_numpy(query), "key": torch.from_numpy(key)})
    assert output.loss.item() == pytest.approx(loss, rel=1e-12)
    assert output.metrics["top1"].item() == pytest.approx(top1)
    assert 0 < top1 < 1


def test_the_head_has_one_hidden_layer_as_wide_as_the_features_and_ends_in_128_numbers() -> None:
    model = stage()
    width = model.encoder.num_features
    shapes = {name: tuple(value.shape) for name, value in model.head.state_dict().items()}
    assert shapes == {"0.weight": (width, width), "0.bias": (width,), "2.weight": (128, width), "2.bias": (128,)}
    assert isinstance(model.head[1], nn.ReLU)


def test_all_crops_go_through_the_encoder_at_once_and_stay_channels_last() -> None:
    model, seen = stage(), []
    model.encoder.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    data = batch()
    model.loss(data)
    (crops,) = seen
    assert torch.equal(crops, torch.cat([data["query"], data["key"]]))
    assert crops.is_contiguous(memory_format=torch.channels_last)


def test_ranks_are_computed_in_measured_steps_only() -> None:
    model = stage()
    measured = model.loss(batch())
    model = stage()
    model.measuring = False
    plain = model.loss(batch())
    assert (set(measured.metrics), set(plain.metrics)) == ({"top1"}, set())
    assert torch.equal(measured.loss, plain.loss)
    assert not measured.metrics["top1"].requires_grad
    assert measured.carry == {}


@pytest.mark.parametrize("measuring", [True, False])
def test_it_compiles_into_one_graph_with_the_same_loss_and_gradients(measuring: bool) -> None:
    model, data = stage(), batch()
    model.measuring = measuring
    other = copy.deepcopy(model)
    compiled = torch.compile(other.loss, fullgraph=True, backend="aot_eager")
    output, expected = compiled(data), model.loss(data)
    torch.testing.assert_close(output.loss, expected.loss)
    assert set(output.metrics) == set(expected.metrics)
    output.loss.backward()
    expected.loss.backward()
    for one, two in zip(other.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("encoder", ["test_resnet", "test_vit"])
def test_under_bfloat16_the_loss_is_float32_and_every_weight_gets_a_gradient(encoder: str) -> None:
    model = stage(encoder=encoder, channels=1)
    with torch.autocast("cpu", torch.bfloat16):
        output = model.loss(batch(1))
    output.loss.backward()
    assert output.loss.dtype == torch.float32
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.trained_parameters())


def test_the_loss_of_a_guess_is_told() -> None:
    model = SimCLR(nn.Flatten(), PIXELS, batch_size=128)
    assert model.chance_loss == pytest.approx(math.log(255))
    assert model.messages() == ["ln(2B-1) = 5.54 is the loss of a guess among 255 crops."]


def test_the_seed_decides_the_heads_weights_and_no_other_random_number() -> None:
    before = torch.get_rng_state()
    heads = [SimCLR(nn.Flatten(), PIXELS, batch_size=2, seed=seed).head[0].weight for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])

"""MoCo against Algorithm 1 of the paper, written out plainly in fp64; its queue, its key encoder, its defaults."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.kernels import info_nce
from fastssl.stages.moco import objective as moco
from fastssl.stages.moco.objective import EMBEDDING_DIM, MoCo

BATCH, FEATURES = 8, 6


def encoder() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, FEATURES, 3, bias=False),
        nn.BatchNorm2d(FEATURES),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def batches(count: int) -> list[dict[str, Tensor]]:
    random = torch.Generator().manual_seed(1)
    return [{view: torch.randn(BATCH, 1, 9, 9, generator=random) for view in ("query", "key")} for _ in range(count)]


def stage(**settings: object) -> MoCo:
    return MoCo(encoder(), FEATURES, **{"queue_size": 24, "momentum": 0.9, "bn_splits": 1} | settings).train()


def run(model: MoCo, batch: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
    """One step, as the engine does it."""
    model.before_step()
    output = model.loss(batch)
    output.loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    model.after_step(output.carry)
    return output.loss.detach()


class Algorithm1:
    """Pseudocode of MoCo in a PyTorch-like style (He et al. 2020, Algorithm 1), in fp64, one line of it at a time.

    `groups` says, for queries and for keys, which samples share a batch norm: one "GPU" each.
    """

    def __init__(self, model: MoCo, groups: tuple[list[list[int]], list[list[int]]]) -> None:
        plain = encoder()
        plain.load_state_dict(model.encoder.state_dict())
        self.f_q = nn.ModuleList([plain, copy.deepcopy(model.head)]).double().train()
        self.f_k = copy.deepcopy(self.f_q)
        self.queue = model.queue.double().clone()
        self.pointer = 0
        self.m, self.t = model.momentum, model.temperature
        self.groups = groups
        self.optimizer = torch.optim.SGD(self.f_q.parameters(), lr=0.1, momentum=0.9)

    def embed(self, network: nn.ModuleList, images: Tensor, groups: list[list[int]]) -> Tensor:
        embedded = torch.empty(len(images), EMBEDDING_DIM, dtype=torch.float64)
        for group in groups:
            embedded[group] = F.normalize(network[1](network[0](images[group].double())), dim=1)
        return embedded

    def step(self, batch: dict[str, Tensor]) -> Tensor:
        with torch.no_grad():
            for key_parameter, parameter in zip(self.f_k.parameters(), self.f_q.parameters(), strict=True):
                key_parameter.copy_(self.m * key_parameter + (1 - self.m) * parameter)
            k = self.embed(self.f_k, batch["key"], self.groups[1])
        q = self.embed(self.f_q, batch["query"], self.groups[0])
        positive = torch.einsum("nc,nc->n", q, k).unsqueeze(1)
        negative = torch.einsum("nc,kc->nk", q, self.queue)
        logits = torch.cat([positive, negative], dim=1) / self.t
        loss = F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        for row in k:
            self.queue[self.pointer] = row
            self.pointer = (self.pointer + 1) % len(self.queue)
        return loss.detach()


WHOLE = ([list(range(BATCH))], [list(range(BATCH))])
HALVES = ([[0, 1, 2, 3], [4, 5, 6, 7]], [[0, 2, 4, 6], [1, 3, 5, 7]])
QUARTERS = ([[0, 1], [2, 3], [4, 5], [6, 7]], [[0, 4], [1, 5], [2, 6], [3, 7]])


@pytest.mark.parametrize(("bn_splits", "groups"), [(1, WHOLE), (2, HALVES), (4, QUARTERS)])
@pytest.mark.parametrize("queue_size", [24, 20, 8])
def test_it_is_algorithm_1(queue_size: int, bn_splits: int, groups: tuple[list[list[int]], list[list[int]]]) -> None:
    model = stage(queue_size=queue_size, bn_splits=bn_splits)
    paper = Algorithm1(model, groups)
    optimizer = torch.optim.SGD(model.trained_parameters(), lr=0.1, momentum=0.9)
    for batch in batches(6):
        torch.testing.assert_close(run(model, batch, optimizer).double(), paper.step(batch), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.queue.double(), paper.queue, rtol=0, atol=1e-4)
    assert int(model.queue_pointer) == paper.pointer
    ours = [*model.key_encoder.parameters(), *model.key_head.parameters()]
    for a, b in zip(ours, paper.f_k.parameters(), strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-3, atol=1e-4)


def test_a_batch_longer_than_the_queue_leaves_its_last_keys() -> None:
    model = stage(queue_size=5)
    keys = F.normalize(torch.randn(13, EMBEDDING_DIM), dim=1)
    model.after_step({"key": keys[:3]})
    model.after_step({"key": keys})
    assert {tuple(row) for row in model.queue.tolist()} == {tuple(row) for row in keys[-5:].tolist()}


def test_the_queue_is_a_ring_that_forgets_the_oldest_first() -> None:
    model = stage(queue_size=7)
    keys = torch.randn(20, EMBEDDING_DIM)
    for start, stop in ((0, 3), (3, 6), (6, 11), (11, 12), (12, 19), (19, 20)):
        model.after_step({"key": keys[start:stop]})
        newest = {tuple(row) for row in keys[max(0, stop - 7) : stop].tolist()}
        assert newest <= {tuple(row) for row in model.queue.tolist()}
        assert int(model.queue_pointer) == stop % 7


def test_the_queue_holds_no_key_of_the_batch_whose_loss_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(keys: Tensor) -> set[tuple[float, ...]]:
        return {tuple(row) for row in keys.tolist()}

    def watch(query: Tensor, key: Tensor, queue: Tensor, *rest: object, **options: object) -> object:
        seen.append((rows(key), rows(queue)))
        return info_nce(query, key, queue, *rest, **options)

    seen: list[tuple[set[tuple[float, ...]], set[tuple[float, ...]]]] = []
    monkeypatch.setattr(moco, "info_nce", watch)
    model = stage()
    optimizer = torch.optim.SGD(model.trained_parameters(), lr=0.1)
    for batch in batches(3):
        run(model, batch, optimizer)
        keys, queue = seen[-1]
        assert not keys & queue
        assert keys <= rows(model.queue)


def test_the_queue_can_be_filled_with_real_keys_before_the_first_step() -> None:
    model = stage(fill_queue=True)
    first, second, third = (batch["key"] for batch in batches(3))
    assert model.warm_up_images == 24
    for batch in batches(3):
        model.warm_up(batch)
    with torch.no_grad():
        keys = [F.normalize(model.key_head(model.key_encoder(images)), dim=1) for images in (first, second, third)]
    torch.testing.assert_close(model.queue, torch.cat(keys), atol=1e-6, rtol=0)
    assert model.queue_pointer == 0
    assert stage().warm_up_images == 0


def test_the_key_encoder_moves_before_it_embeds() -> None:
    model = stage(momentum=0.0)
    with torch.no_grad():
        for parameter in model.trained_parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    (batch,) = batches(1)
    model.before_step()
    keys = model.loss(batch).carry["key"]
    expected = F.normalize(model.head(model.encoder(batch["key"])), dim=1)
    torch.testing.assert_close(keys, expected)


def test_no_gradient_reaches_the_key_encoder() -> None:
    model = stage()
    (batch,) = batches(1)
    output = model.loss(batch)
    output.loss.backward()
    key_parameters = [*model.key_encoder.parameters(), *model.key_head.parameters()]
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in key_parameters)
    assert all(parameter.grad is not None for parameter in model.trained_parameters())
    assert not {id(parameter) for parameter in key_parameters} & {id(p) for p in model.trained_parameters()}
    tensors = [*output.metrics.values(), *output.carry.values()]
    assert not any(tensor.requires_grad for tensor in tensors)


def test_the_metrics_are_ranks_among_positive_and_negatives() -> None:
    model = stage(queue_size=40)
    (batch,) = batches(1)
    output = model.loss(batch)
    query = F.normalize(model.head(model.encoder(batch["query"])), dim=1)
    positive = (query * output.carry["key"]).sum(1, keepdim=True)
    rank = (query @ model.queue.T >= positive).sum(1)
    assert float(output.metrics["top1"]) == pytest.approx(float((rank < 1).float().mean()))
    assert float(output.metrics["top5"]) == pytest.approx(float((rank < 5).float().mean()))


def test_the_chance_loss_is_that_of_equal_logits() -> None:
    assert stage(queue_size=99).chance_loss == pytest.approx(math.log(100))
    assert "ln(K+1) = 4.61" in stage(queue_size=99).messages()[0]


def test_the_queue_is_saved_and_kept_in_the_compute_dtype() -> None:
    model = stage(queue_dtype=torch.bfloat16)
    assert {"queue", "queue_pointer"} <= model.state_dict().keys()
    assert model.queue.dtype == torch.bfloat16
    torch.testing.assert_close(model.queue.float().norm(dim=1), torch.ones(24), rtol=0, atol=1e-2)
    run(model, batches(1)[0], torch.optim.SGD(model.trained_parameters(), lr=0.1))
    assert model.queue.dtype == torch.bfloat16


def test_it_begins_with_two_equal_encoders_from_its_own_seed() -> None:
    before = torch.get_rng_state()
    plain = encoder()
    torch.set_rng_state(before)
    models = [MoCo(copy.deepcopy(plain), FEATURES, queue_size=8, bn_splits=1, seed=seed) for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    states = [model.state_dict() for model in models]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["queue"], states[2]["queue"])
    for key, value in models[0].encoder.state_dict().items():
        assert torch.equal(value, models[0].key_encoder.state_dict()[key])


def test_it_learns_to_tell_images_apart() -> None:
    model = stage(queue_size=24, momentum=0.5)
    optimizer = torch.optim.SGD(model.trained_parameters(), lr=0.3, momentum=0.9)
    images = batches(1)[0]["query"] * torch.linspace(0.2, 3, BATCH).view(-1, 1, 1, 1)
    losses = [float(run(model, {"query": images, "key": images.flip(3)}, optimizer)) for _ in range(150)]
    assert max(losses[3:20]) > 2
    assert losses[-1] < 0.8 * max(losses[3:20])

"""Gradients of a step: averaged over processes, summed over parts of a batch, compressed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from fastssl.distributed.world import world
from fastssl.runtime import Runtime
from fastssl.stages.stage import Batch, Stage, StageOutput
from fastssl.training.data_parallel import GradientSettings, parts_of
from fastssl.training.step import Step

CPU = torch.device("cpu")


class Regression(Stage):
    """A small network with weights that no step uses; with `alternates` two heads take turns."""

    def __init__(self, alternates: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.alternates = alternates
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Flatten())
        self.heads = nn.ModuleList([nn.Linear(8 * 36, 3), nn.Linear(8 * 36, 3)])
        self.unused = nn.Linear(3, 3)

    def loss(self, batch: Batch) -> StageOutput:
        head = self.heads[1 if self.alternates and "odd" in batch else 0]
        loss = head(self.encoder(batch["image"])).square().mean()
        return StageOutput(loss, {"double": 2 * loss.detach()}, {})


def sgd(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def trained(accumulate: int, compress: bool, alternates: bool, precision: str = "fp32") -> tuple[list, list]:
    here, generator = world(), torch.Generator().manual_seed(0)
    stage = Regression(alternates)
    gradients = GradientSettings(accumulate=accumulate, compress=compress)
    step = Step(stage, Runtime(device=CPU, precision=precision, compile=False), sgd, gradients=gradients)
    losses = []
    for number in range(5):
        images = torch.randn(16, 1, 8, 8, generator=generator).chunk(here.size)[here.rank]
        batch = {"image": images.contiguous(memory_format=torch.channels_last)}
        if number % 2:
            batch["odd"] = torch.zeros(len(images))
        while (metrics := step(batch, 0.1, number=number)) is None:
            pass  # until the scaler has found its scale
        assert float(metrics["double"]) == pytest.approx(2 * float(metrics["loss"]), rel=1e-6)
        losses.append(float(metrics["loss"]))
    return losses, [parameter.detach().flatten().tolist() for parameter in stage.parameters()]


@pytest.mark.parametrize("alternates", [False, True])
@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_processes_and_parts_take_the_steps_of_one_batch(ranks: Callable, accumulate: int, alternates: bool) -> None:
    losses, weights = trained(1, False, alternates)
    for found, own in [*ranks(2)(trained, accumulate, False, alternates), trained(accumulate, False, alternates)]:
        assert found == pytest.approx(losses, rel=1e-5)
        for left, right in zip(own, weights, strict=True):
            torch.testing.assert_close(torch.tensor(left), torch.tensor(right), rtol=1e-4, atol=1e-6)


def test_compressed_gradients_are_right_to_eight_bits_and_equal_on_all(ranks: Callable) -> None:
    losses, _ = trained(1, False, False)
    first, second = ranks(2)(trained, 1, True, False)
    assert first == second
    assert first[0] == pytest.approx(losses, rel=0.02)
    assert first[0] != losses


def test_scaled_gradients_of_parts_are_those_of_the_batch() -> None:
    whole, parts = trained(1, False, False, "fp16"), trained(4, False, False, "fp16")
    assert parts[0] == pytest.approx(whole[0], rel=2e-2)


def test_parts_are_consecutive_and_whole() -> None:
    batch = {"image": torch.arange(12).view(6, 2), "index": torch.arange(6)}
    parts = list(parts_of(batch, 3))
    assert [part["index"].tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert torch.equal(torch.cat([part["image"] for part in parts]), batch["image"])
    (same,) = parts_of(batch, 1)
    assert same is batch

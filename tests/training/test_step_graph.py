"""Replayed steps, with a recorder in place of a CUDA graph: which steps run as they are, and what a replay reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fastssl.training.step_graph import WARM_UP_STEPS, Metrics, StepGraphs

CUDA = pytest.param("cuda", marks=pytest.mark.gpu)


class Recorded:
    """As a CUDA graph: replays do again what was recorded, on the same tensors; recording itself changes nothing."""

    def __init__(self, call: Callable[[], Metrics]) -> None:
        self.call, self.metrics, self.replays = call, {"loss": torch.zeros(())}, 0

    def replay(self) -> None:
        self.replays += 1
        self.metrics["loss"].copy_(self.call()["loss"])


class Trainer:
    """A weight that moves by the mean of each batch; keeps what it was shown."""

    def __init__(self) -> None:
        self.weight, self.seen = torch.zeros(()), list[Tensor]()
        self.recorded: list[Recorded] = []

    def run(self, batch: dict[str, Tensor]) -> Metrics:
        self.weight += batch["image"].mean()
        self.seen.append(batch["image"])
        return {"loss": self.weight.clone()}

    def capture(self, call: Callable[[], Metrics]) -> tuple[Recorded, Metrics]:
        self.recorded.append(Recorded(call))
        return self.recorded[-1], self.recorded[-1].metrics


def batch(value: float, size: int = 2) -> dict[str, Tensor]:
    return {"image": torch.full((size, 3), value)}


def test_after_the_warm_up_every_step_is_replayed_on_the_batch_that_it_is_given() -> None:
    trainer = Trainer()
    graphs = StepGraphs(trainer.run, trainer.capture)
    losses = [graphs(batch(float(value)), False)["loss"].item() for value in range(1, 9)]
    assert losses == [1.0, 3.0, 6.0, 10.0, 15.0, 21.0, 28.0, 36.0]
    assert [recorded.replays for recorded in trainer.recorded] == [8 - WARM_UP_STEPS]
    assert len({tensor.data_ptr() for tensor in trainer.seen[WARM_UP_STEPS:]}) == 1


def test_metrics_of_one_step_are_not_overwritten_by_the_next() -> None:
    trainer = Trainer()
    graphs = StepGraphs(trainer.run, trainer.capture)
    losses = [graphs(batch(1.0), False)["loss"] for _ in range(6)]
    assert [loss.item() for loss in losses] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_each_kind_and_shape_of_batch_has_a_graph_of_its_own() -> None:
    trainer = Trainer()
    graphs = StepGraphs(trainer.run, trainer.capture)
    for _ in range(WARM_UP_STEPS + 2):
        graphs(batch(1.0), False)
        graphs(batch(1.0), True)
        graphs(batch(1.0, size=5), False)
    assert [recorded.replays for recorded in trainer.recorded] == [2, 2, 2]


def test_where_a_step_cannot_be_captured_training_goes_on_as_it_was() -> None:
    trainer = Trainer()

    def fails(call: Callable[[], Metrics]) -> tuple[Recorded, Metrics]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore lines")

    graphs = StepGraphs(trainer.run, fails)
    with pytest.warns(RuntimeWarning, match=r"not replayed from CUDA graphs: operation not permitted [^\n]*$") as told:
        losses = [graphs(batch(1.0), False)["loss"].item() for _ in range(6)]
    assert losses == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert len(told) == 1


@pytest.mark.gpu
def test_a_real_graph_trains_as_the_plain_step_does() -> None:
    def trained(replayed: bool) -> Tensor:
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 2, device="cuda")
        optimizer = torch.optim.SGD(layer.parameters(), lr=torch.tensor(0.1, device="cuda"), momentum=0.9, fused=True)

        def run(batch: dict[str, Tensor]) -> Metrics:
            loss = layer(batch["image"]).pow(2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            return {"loss": loss.detach()}

        step = StepGraphs(run) if replayed else lambda batch, kind: run(batch)
        for value in range(8):
            step({"image": torch.full((4, 3), value / 8, device="cuda")}, False)
        return layer.weight.detach()

    torch.testing.assert_close(trained(True), trained(False))

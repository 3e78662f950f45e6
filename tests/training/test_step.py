"""One step: what is one graph, what a step skipped by the gradient scaler leaves alone, who is measured when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fastssl.errors import DivergenceError
from fastssl.models.encoder import create_encoder
from fastssl.runtime import Runtime
from fastssl.stages.moco.objective import MoCo
from fastssl.stages.stage import Batch, Stage, StageOutput
from fastssl.training.engine import MOST_SKIPPED, Engine
from fastssl.training.schedule import CosineSchedule
from fastssl.training.step import MEASURE_EVERY, Step

CPU = torch.device("cpu")
FP16 = Runtime(device=CPU, precision="fp16", compile=False)


def sgd(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, fused=True)


def moco() -> MoCo:
    return MoCo(create_encoder("test_resnet", 1, 16, seed=0), 96, queue_size=12, momentum=0.9, bn_splits=2)


def views() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {name: torch.randn(4, 1, 16, 16).contiguous(memory_format=torch.channels_last) for name in ("query", "key")}


def test_moving_average_loss_and_queue_are_one_graph() -> None:
    graphs: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable:
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    Step(moco(), Runtime(device=CPU, precision="fp32", compile=True, backend=keep), sgd)(views(), 0.1, number=0)
    torch._dynamo.reset()
    (graph,) = graphs
    called = [str(node.target) for node in graph.graph.nodes if node.op in ("call_function", "call_method")]
    parts = ("lerp", "info_nce_forward", "index_copy_")
    order = [next(i for i, name in enumerate(called) if part in name) for part in parts]
    assert order == sorted(order)
    assert not [name for name in called if name in ("item", "tolist", "cpu")]


def test_costly_metrics_come_every_tenth_step() -> None:
    step = Step(moco(), Runtime(device=CPU, precision="fp32", compile=False), sgd)
    measured = [number for number in range(21) if "top1" in step(views(), 0.01, number=number)]
    assert measured == list(range(0, 21, MEASURE_EVERY))


class Fragile(Stage):
    """A weight whose gradient is infinite in the steps named; counts the updates that it is asked for."""

    def __init__(self, explodes_at: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder = nn.Linear(2, 1, bias=False)
        self.explodes_at, self.calls, self.before, self.after = explodes_at, 0, 0, 0

    def before_step(self) -> None:
        self.before += 1

    def loss(self, batch: Batch) -> StageOutput:
        self.calls += 1
        loss = self.encoder(batch["image"]).float().pow(2).mean()
        if self.calls in self.explodes_at:
            loss = loss + (self.encoder.weight * 0).abs().sqrt().sum()  # 0, with an infinite slope
        return StageOutput(loss, {}, {})

    def after_step(self, carry: dict[str, Tensor]) -> None:
        self.after += 1


def fp16(stage: Stage) -> Step:
    return Step(stage, FP16, sgd)


def test_a_step_that_the_scaler_skips_moves_nothing() -> None:
    stage = Fragile(explodes_at=(2,))
    step, batch = fp16(stage), {"image": torch.full((3, 2), 0.01)}
    assert step(batch, 0.1, number=0) is not None
    weight, updates = stage.encoder.weight.clone(), (stage.before, stage.after)
    assert step(batch, 0.1, number=1) is None
    assert torch.equal(stage.encoder.weight, weight)
    assert (stage.before, stage.after) == updates
    assert step(batch, 0.1, number=1) is not None
    assert not torch.equal(stage.encoder.weight, weight)
    assert (stage.before, stage.after) == (updates[0] + 1, updates[1] + 1)


class Loop:
    """A loader of one batch, again and again."""

    batch_size = 3

    def __iter__(self) -> Any:
        while True:
            yield {"image": torch.full((3, 2), 0.01)}

    def __len__(self) -> int:
        return 4


def test_skipped_steps_count_in_no_schedule_and_give_up_in_the_end() -> None:
    stage = Fragile(explodes_at=(2, 3))
    engine = Engine(stage, Loop(), FP16, sgd, CosineSchedule(peak=0.1, total_steps=4), None)  # type: ignore[arg-type]
    batch = next(iter(Loop()))
    assert [engine.train_step(batch) is None for _ in range(4)] == [False, True, True, False]
    assert engine.step == 2
    stage.explodes_at = tuple(range(1000))
    assert [engine.train_step(batch) for _ in range(MOST_SKIPPED)] == [None] * MOST_SKIPPED
    with pytest.raises(DivergenceError, match="fp16 holds no gradient of step 3"):
        engine.train_step(batch)


class Normed(Fragile):
    """The same with a batch norm, whose running statistics follow every batch that it sees."""

    def __init__(self, explodes_at: tuple[int, ...]) -> None:
        super().__init__(explodes_at)
        self.norm = nn.BatchNorm1d(2)

    def loss(self, batch: Batch) -> StageOutput:
        return super().loss({"image": self.norm(batch["image"])})


def test_a_skipped_step_leaves_no_trace_in_statistics_or_optimiser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the first, in which fused SGD makes momentum buffers and does not write to them: here they are NaN."""
    empty_like = torch.empty_like
    monkeypatch.setattr(torch, "empty_like", lambda *args, **kwargs: empty_like(*args, **kwargs).fill_(torch.nan))
    outcomes = []
    for explodes_at in ((), (1, 3, 4)):
        torch.manual_seed(0)
        stage = Normed(explodes_at)
        step = fp16(stage)
        batch, other = {"image": torch.randn(3, 2)}, {"image": torch.randn(3, 2)}
        skipped = 0
        for number in range(3):
            while step(batch if number % 2 else other, 0.1, number=number) is None:
                skipped += 1
        assert skipped == len(explodes_at)
        momentum = [state["momentum_buffer"] for state in step.optimizer.state.values()]
        outcomes.append([*stage.state_dict().values(), *momentum])
    assert len(outcomes[0]) > 6
    for undisturbed, disturbed in zip(*outcomes, strict=True):
        torch.testing.assert_close(undisturbed, disturbed, rtol=0, atol=0)

"""A stage in a plain loop: equal to the engine's steps, and to torch's own loop; a state that goes on to the bit."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from fastssl import backend
from fastssl.errors import CheckpointError, DivergenceError
from fastssl.pipelines import Loader
from fastssl.stages.stage import Batch, Stage, StageOutput
from fastssl.training.build import TrainingRun
from fastssl.training.progress import StepClock

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1), dtype=np.uint8)
TINY: dict[str, Any] = {"encoder": "test_resnet", "batch_size": 8, "steps": 12, "device": "cpu", "precision": "fp32"}


def forever(loader: Loader) -> Iterator[dict[str, Tensor]]:
    while True:
        yield from loader


def open_moco(**settings: Any) -> TrainingRun:
    return backend.open_run(IMAGES, stage="moco", queue_size=16, **{**TINY, **settings})


def step_of(run: TrainingRun) -> backend.Step:
    return backend.Step(run.stage, run.optimizer, runtime=run.runtime, schedule=run.schedule.lr)


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(tensor, right[name]) for name, tensor in left.items())


def test_a_loop_with_warm_up_takes_the_steps_of_the_engine() -> None:
    ours, theirs = open_moco(), open_moco()
    with theirs.open() as engine:
        engine.warm_up()
        engine.fit(12, lambda metrics: None, StepClock(8))
    step = step_of(ours)
    with ours.loader() as loader:
        step.warm_up(loader)
        for _, batch in zip(range(12), forever(loader), strict=False):
            metrics = step(batch)
    assert next(iter(metrics)) == "loss"
    assert step.count == 12
    assert equal(ours.stage.state_dict(), theirs.stage.state_dict())


class Line(Stage):
    """A user's own stage: least squares on a flattened image."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Linear(12, 1)
        self.seen: list[Tensor] = []

    def loss(self, batch: Batch) -> StageOutput:
        self.seen.append(batch["image"])
        error = self.encoder(batch["image"].flatten(1)).squeeze(1) - batch["label"]
        return StageOutput(error.square().mean(), {}, {})


def adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=0.1)


@pytest.mark.parametrize("made", [lambda stage: adam, lambda stage: adam(stage.parameters())], ids=["made", "given"])
def test_ones_own_stage_optimiser_scheduler_and_data_loader_give_what_torchs_loop_gives(made: Callable) -> None:
    torch.manual_seed(1)
    images, labels = torch.randn(12, 3, 2, 2, dtype=torch.float64), torch.randn(12)
    stage, plain = Line(), Line().encoder
    step = backend.Step(stage, made(stage), device="cpu", amp=False)
    scheduler = torch.optim.lr_scheduler.StepLR(step.optimizer, 2, gamma=0.1)
    for image, label in DataLoader(TensorDataset(images, labels), 2):
        step({"image": image, "label": label})
        scheduler.step()
    optimizer = adam(plain.parameters())
    for start in range(0, 12, 2):
        optimizer.param_groups[0]["lr"] = 0.1 * 0.1 ** (start // 4)
        optimizer.zero_grad()
        part = slice(start, start + 2)
        (plain(images[part].float().flatten(1)).squeeze(1) - labels[part]).square().mean().backward()
        optimizer.step()
    torch.testing.assert_close(stage.encoder.state_dict(), plain.state_dict(), rtol=1e-5, atol=1e-6)
    assert all(seen.dtype == torch.float32 for seen in stage.seen)
    assert all(seen.is_contiguous(memory_format=torch.channels_last) for seen in stage.seen)


def test_a_given_optimiser_trains_convolutions_that_lie_channels_last() -> None:
    runs = [open_moco(), open_moco()]
    given = runs[1].optimizer(list(runs[1].stage.trained_parameters()))
    steps = [
        step_of(runs[0]),
        backend.Step(runs[1].stage, given, runtime=runs[1].runtime, schedule=runs[1].schedule.lr),
    ]
    with runs[0].loader() as loader:
        for batch in loader:
            for step in steps:
                step(batch)
    assert equal(runs[0].stage.state_dict(), runs[1].stage.state_dict())


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_saved_loop_goes_on_to_the_bit(precision: str) -> None:
    def train(steps: int, saved: bytes | None = None) -> tuple[dict[str, Tensor], bytes]:
        run = open_moco(precision=precision)
        step = step_of(run)
        with run.loader() as loader:
            if saved:
                state = torch.load(io.BytesIO(saved), weights_only=True)
                step.load_state_dict(state["step"])
                loader.load_state_dict(state["loader"])
            step.warm_up(loader)
            for _, batch in zip(range(steps), forever(loader), strict=False):
                step(batch)
            file = io.BytesIO()
            torch.save({"step": step.state_dict(), "loader": loader.state_dict()}, file)
        return run.stage.state_dict(), file.getvalue()

    whole, _ = train(8)
    _, saved = train(3)
    resumed, _ = train(5, saved)
    assert equal(whole, resumed)


def test_a_rate_that_a_scheduler_has_set_is_saved() -> None:
    first, second = (backend.Step(Line(), adam, device="cpu") for _ in range(2))
    first.optimizer.param_groups[0]["lr"] = 0.025
    second.load_state_dict(first.state_dict())
    assert second.optimizer.param_groups[0]["lr"] == 0.025


class Explosive(Line):
    """Its gradient is infinite in the first calls."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def loss(self, batch: Batch) -> StageOutput:
        output = super().loss(batch)
        if len(self.seen) > self.times:
            return output
        return output._replace(loss=output.loss + (self.encoder.weight * 0).abs().sqrt().sum())


def batch_of_two() -> dict[str, Tensor]:
    return {"image": torch.ones(2, 3, 2, 2), "label": torch.zeros(2)}


def test_a_call_is_a_step_also_where_fp16_holds_no_gradient_at_first() -> None:
    stage = Explosive(times=3)
    step = backend.Step(stage, adam, device="cpu", precision="fp16")
    assert step(batch_of_two())["loss"].isfinite()
    assert (step.count, len(stage.seen)) == (1, 4)


def test_a_gradient_that_no_scale_helps_is_one_line() -> None:
    step = backend.Step(Explosive(times=1000), adam, device="cpu", precision="fp16")
    with pytest.raises(DivergenceError, match="fp16 holds no gradient of step 1, however scaled; start again"):
        step(batch_of_two())
    assert step.count == 0


def two_rates(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [p], "lr": 0.1 * (n + 1)} for n, p in enumerate(parameters)])


def stepped() -> torch.optim.Optimizer:
    parameter = nn.Parameter(torch.ones(1))
    optimizer = adam([parameter])
    parameter.sum().backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (two_rates, "a step has one learning rate, its groups have 0.1, 0.2"),
        (adam([nn.Parameter(torch.ones(1))]), "1 of its parameters are none that the stage trains"),
        (stepped(), "it has made steps already"),
    ],
    ids=["rates", "foreign", "stepped"],
)
def test_an_optimiser_that_cannot_be_used_is_one_line(optimizer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        backend.Step(Line(), optimizer, device="cpu")


def test_a_state_of_something_else_is_one_line() -> None:
    step = backend.Step(Line(), adam, device="cpu")
    with pytest.raises(CheckpointError, match=r"state: not one of fastssl\.backend\.Step, it has no stage"):
        step.load_state_dict({"scaler": {}, "count": 1})
    other = step_of(open_moco())
    with pytest.raises(CheckpointError, match="state: made for another model"):
        step.load_state_dict(other.state_dict())

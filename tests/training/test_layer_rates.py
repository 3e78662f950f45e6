"""Learning rates by layer, and frozen stages: what moves by how much, whatever the optimiser, in every stage.

The closed form: with plain SGD, a step moves a weight of the k-th layer below the head by lr F^k times its gradient.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastssl import backend
from fastssl.backend.lightning_schedule import StepRate
from fastssl.errors import ConfigError
from fastssl.pipelines import Loader
from fastssl.runtime import Runtime
from fastssl.stages.registry import STAGES
from fastssl.training.build import TrainingRun
from fastssl.training.layer_rates import decayed_by_layer, rate_of, set_rate
from fastssl.training.progress import StepClock
from fastssl.training.step import Step

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
LAYERS = {"conv1": 5, "bn1": 5, "layer1": 4, "layer2": 3, "layer3": 2, "layer4": 1}
"""k of test_resnet's layers."""
FP32 = Runtime(device=torch.device("cpu"), precision="fp32", compile=False)


def a_run(stage: str = "moco", **settings: Any) -> TrainingRun:
    own = {"queue_size": 16} if stage == "moco" else {}
    given = {"encoder": "test_resnet", "batch_size": 8, "steps": 4, "device": "cpu", "precision": "fp32"}
    return backend.open_run(IMAGES, stage=stage, **{**given, **own, **settings})


def batches(loader: Loader) -> Iterator[dict[str, Tensor]]:
    while True:
        yield from loader


def moved(run: TrainingRun, decay: float | None, rates: tuple[float, ...]) -> dict[str, Tensor]:
    """How far plain SGD moves each weight of a stage in so many steps."""

    def sgd(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=9.0)

    make = sgd if decay is None else decayed_by_layer(sgd, run.stage, decay)
    before = {name: value.detach().clone() for name, value in run.stage.named_parameters()}
    step = Step(run.stage, FP32, make)
    with run.loader() as loader:
        for number, (rate, batch) in enumerate(zip(rates, batches(loader), strict=False)):
            step(batch, rate, number=number)
    return {name: value.detach() - before[name] for name, value in run.stage.named_parameters()}


def below_head(name: str) -> int:
    """k of a weight of a stage: 0 for heads."""
    first = re.match(r"encoder\.(\w+)", name)
    return LAYERS[first[1]] if first else 0


def test_one_step_moves_each_layer_by_its_power_of_the_decay_and_heads_by_the_whole_rate() -> None:
    whole, decayed = moved(a_run(), None, (0.5,)), moved(a_run(), 0.5, (0.5,))
    trained = [name for name in whole if not name.startswith("key_")]
    assert {below_head(name) for name in trained} == {0, 1, 2, 3, 4, 5}
    for name in trained:
        torch.testing.assert_close(decayed[name], whole[name] * 0.5 ** below_head(name), rtol=1e-3, atol=1e-6)


def test_scales_survive_the_rate_that_is_set_anew_at_every_step() -> None:
    run = a_run(lr_decay=0.5)
    with run.open() as engine:
        for batch in engine.loader:
            rate = engine.schedule.lr(engine.step)
            engine.train_step(batch)
            found = [group["lr"] for group in engine.optimizer.param_groups]
            assert found == pytest.approx([rate * 0.5**k for k in range(6)])
    assert engine.step == 3


def optimizer_of(run: TrainingRun) -> torch.optim.Optimizer:
    return run.optimizer(list(run.stage.trained_parameters()))


@pytest.mark.parametrize("optimizer", ["lars", "adamw"])
def test_groups_keep_what_the_stage_s_own_optimiser_says_of_them(optimizer: str) -> None:
    plain, decayed = (optimizer_of(a_run("simclr", optimizer=optimizer, lr_decay=decay)) for decay in (1, 0.7))
    assert len(decayed.param_groups) > len(plain.param_groups) == 2
    for group in decayed.param_groups:
        matrices = {parameter.ndim > 1 for parameter in group["params"]}
        (is_matrix,) = matrices
        own = plain.param_groups[0 if is_matrix else 1]
        assert {key: group[key] for key in own if key not in ("params", "lr")} == {
            key: own[key] for key in own if key not in ("params", "lr")
        }
    count = sum(len(group["params"]) for group in decayed.param_groups)
    assert count == sum(len(group["params"]) for group in plain.param_groups)


def test_a_decay_of_one_is_the_stage_s_own_optimiser() -> None:
    assert len(optimizer_of(a_run()).param_groups) == 1
    assert "lr_scale" not in optimizer_of(a_run()).param_groups[0]


def test_torch_s_schedulers_under_lightning_scale_every_group() -> None:
    optimizer = optimizer_of(a_run(lr_decay=0.5))
    rates = StepRate(optimizer, lambda step: 0.1 * (step + 1)).get_lr()
    assert rates == pytest.approx([0.1 * group["lr_scale"] for group in optimizer.param_groups])
    set_rate(optimizer, 0.3)
    assert rate_of(optimizer) == pytest.approx(0.3)
    assert optimizer.param_groups[-1]["lr"] == pytest.approx(0.3 * 0.5**5)


def test_a_plain_loop_without_a_schedule_keeps_its_rates() -> None:
    run = a_run(lr_decay=0.5, lr=0.2)
    step = backend.Step(run.stage, run.optimizer, runtime=run.runtime)
    with run.loader() as loader:
        for _, batch in zip(range(3), loader, strict=False):
            step(batch)
    assert [group["lr"] for group in step.optimizer.param_groups] == pytest.approx([0.2 * 0.5**k for k in range(6)])


@pytest.mark.parametrize("stage", STAGES)
def test_frozen_stages_and_their_statistics_are_equal_to_the_bit_after_training(stage: str) -> None:
    run = a_run(stage, freeze=2, accumulate=2, lr_decay=0.8)
    before = {key: value.clone() for key, value in run.stage.state_dict().items()}
    with run.open() as engine:
        engine.warm_up()
        engine.fit(4, lambda metrics: None, StepClock(8))
    after = run.stage.state_dict()
    frozen = re.compile(r"(network\.|key_)?(encoder\.)(conv1|bn1|layer1)\.")
    changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
    assert any(frozen.match(key) for key in after)
    assert not [key for key in changed if frozen.match(key)]
    assert [key for key in changed if "encoder.layer2" in key and key.endswith("weight")]
    assert [key for key in changed if "encoder.layer2" in key and key.endswith("running_mean")]


def test_what_a_run_begins_with_is_among_its_reasons() -> None:
    reasons = {one.name: one for one in a_run(freeze=1, lr_decay=0.5).reasons}
    assert reasons["freeze"].reason == (
        "of 5 stages, 9 of 45 weights; batch norms keep their statistics; they are random: --init gives trained ones"
    )
    assert reasons["lr_decay"].reason == "the encoder's rate is x 0.031 in the first layer to x 0.5 in the last"
    assert not {"init", "freeze", "lr_decay"} & {one.name for one in a_run().reasons}


def test_more_stages_than_there_are_is_told_when_a_run_is_built() -> None:
    with pytest.raises(ConfigError, match="freeze=5: test_resnet has 5 stages, and one has to be trained; give at mos"):
        a_run(freeze=5)

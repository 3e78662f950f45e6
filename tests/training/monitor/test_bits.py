"""Watching changes nothing: a run that is looked at after every step ends in the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fastssl.data import open_source
from fastssl.runtime import resolve_runtime
from fastssl.stages.registry import STAGES, train_config
from fastssl.training.build import build_run
from fastssl.training.monitor.images import choose_images
from fastssl.training.monitor.look import look_at
from fastssl.training.progress import StepClock

SETTINGS: dict[str, Any] = {"encoder": "test_resnet", "batch_size": 16, "steps": 3, "device": "cpu", "seed": 3}
OF_STAGE: dict[str, dict[str, Any]] = {
    "moco": {"queue_size": 32, "bn_splits": 2},
    "pretext": {"freeze_bn": True},
    "vae": {"encoder": "test_convnext"},
}


def trained(stage: str, data: Path, *, looked_at: bool) -> dict[str, torch.Tensor]:
    """Everything that a run holds after three steps."""
    config = train_config({**SETTINGS, **OF_STAGE.get(stage, {}), "stage": stage, "data": str(data)})
    source = open_source(data)
    run = build_run(config, source, resolve_runtime("cpu", amp=True, compile=False))
    watched = choose_images(source, "rank", 20)

    def between(step: int) -> bool:
        if looked_at:
            look_at(run.stage.encoder, watched, run.spec, run.runtime, step)
        return looked_at

    with run.open() as engine:
        engine.warm_up()
        engine.fit(3, lambda metrics: None, StepClock(16), between)
        modes = {f"{name} mode": torch.tensor(part.training) for name, part in run.stage.named_modules()}
        random = {"random": torch.get_rng_state()}
        return {**{name: value.clone() for name, value in run.stage.state_dict().items()}, **modes, **random}


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_is_looked_at_after_every_step_ends_in_the_same_bits(grey_npz: Path, stage: str) -> None:
    alone, watched = (trained(stage, grey_npz, looked_at=looked_at) for looked_at in (False, True))
    assert alone.keys() == watched.keys()
    assert [name for name in alone if not torch.equal(alone[name], watched[name])] == []

"""Every registered stage on an Apple GPU, against the CPU. Written without one: not yet run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fastssl.data import Source
from fastssl.data.source import Split
from fastssl.runtime import resolve_runtime
from fastssl.stages.registry import STAGES, train_config
from fastssl.training.build import build_run
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.progress import StepClock
from fastssl.training.random_state import random_states, restore_random_states, seeded

pytestmark = pytest.mark.mps
STEPS = 8


def losses(stage: str, device: str, folder: Path, *, resumed: bool = False) -> list[float]:
    """Of eight steps in fp32; with `resumed`, the last four after a checkpoint of the first four."""
    encoder = "auto" if stage == "vae" else "test_resnet"
    settings = {"stage": stage, "size": 32, "batch_size": 8, "steps": STEPS, "encoder": encoder, "device": device}
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 1), dtype=np.uint8)
    source = Source(name="noise", splits={"train": Split(images=images)})
    found: dict[int, float] = {}
    for until in (STEPS // 2, STEPS) if resumed else (STEPS,):
        run = build_run(train_config(settings), source, resolve_runtime(device, compile=False))
        with run.open(CheckpointPolicy(folder=folder)) as engine:
            if until == STEPS and resumed:
                engine.resume(lambda line: None)
            engine.fit(until, lambda metrics: found.update({metrics.step: metrics.values["loss"]}), StepClock(8))
    return [found[step] for step in sorted(found)]


@pytest.mark.parametrize("stage", STAGES)
def test_eight_steps_have_the_losses_of_a_cpu(stage: str, tmp_path: Path) -> None:
    on_gpu, on_cpu = (losses(stage, device, tmp_path / device) for device in ("mps", "cpu"))
    assert len(on_gpu) == STEPS
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=2e-3)


@pytest.mark.parametrize("stage", STAGES)
def test_a_resumed_run_goes_on_where_it_was(stage: str, tmp_path: Path) -> None:
    whole = losses(stage, "mps", tmp_path / "whole")
    np.testing.assert_allclose(losses(stage, "mps", tmp_path / "halves", resumed=True), whole, rtol=1e-4)


def test_the_generators_state_is_kept_and_given_back() -> None:
    device = torch.device("mps")
    before = random_states(device)
    with seeded(3, device):
        first = torch.rand(4, device=device).cpu()
        assert set(random_states(device)) == {"cpu", "mps"}
    assert torch.equal(random_states(device)["mps"], before["mps"])
    with seeded(3, device):
        assert torch.equal(torch.rand(4, device=device).cpu(), first)
    restore_random_states(before, device)

"""One stage, measured: what follows from its steps, against a clock that is known and a run that was really trained."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import fastssl
from fastssl.data import open_source
from fastssl.estimation.measure import STEPS, WAITING, measure_stage, speed_of
from fastssl.estimation.result import StageEstimate
from fastssl.runtime import resolve_runtime
from fastssl.stages.registry import train_config
from fastssl.training.pace import PAID_AGAIN, RESERVE
from fastssl.training.timed_steps import StepTime, StepTimes

TINY = {"encoder": "test_resnet", "batch_size": 16, "amp": False, "device": "cpu"}


def ticking() -> Callable[[], float]:
    """A clock that moves by a quarter of a second whenever it is read: twice a step."""
    ticks = itertools.count()
    return lambda: next(ticks) / 4


def measured(data: Path, **settings: Any) -> StageEstimate:
    source, runtime = open_source(data), resolve_runtime("cpu", amp=False)
    config = train_config({**TINY, "data": str(data), **settings})
    return measure_stage(config, source, runtime, spent=1.0, clock=ticking())[0]


def test_the_time_is_preparation_and_steps_and_checkpoints(grey_npz: Path) -> None:
    found = measured(grey_npz, steps=1000, queue_size=32)
    assert (found.steps, found.steps_per_epoch, found.speed.timed) == (1000, 3, STEPS)
    assert (found.speed.step_seconds, found.speed.images_per_second) == (0.5, 32.0)
    assert (found.speed.data_wait, found.speed.loader_images_per_second) == (0.5, 16 / 0.25)
    assert found.setup_seconds == 0.25  # from before it was built until it was warmed up; no step took longer
    policy = 2 + int(1000 * 0.5 / max(60.0, found.disk.checkpoint_seconds / 0.01))
    assert found.checkpoint_seconds == pytest.approx(policy * found.disk.checkpoint_seconds)
    watched = (500 + found.checkpoint_seconds) / 0.98  # of which looks take two hundredths
    assert found.monitor_seconds == pytest.approx(0.02 * watched)
    assert found.seconds == pytest.approx(0.25 + watched)
    unwatched = measured(grey_npz, steps=1000, queue_size=32, monitor="off")
    assert unwatched.seconds == pytest.approx(0.25 + 500 + unwatched.checkpoint_seconds)


def test_a_budget_of_minutes_becomes_steps_and_the_time_stays_within_it(grey_npz: Path) -> None:
    found = measured(grey_npz, minutes=10, queue_size=32)
    preparation = 0.25 + 2 * 0.5 + 0.05 * 600 + 0.25 + PAID_AGAIN * 0.0  # built, untimed and timed steps, built again
    assert found.steps == int((600 * (1 - RESERVE - 0.02) - 1.0 - preparation) / 0.5)
    assert found.setup_seconds == pytest.approx(preparation)
    assert found.seconds < 600
    (length,) = (setting for setting in found.reasons if setting.name == "length")
    assert (length.value, length.reason) == (f"{found.steps} steps", "what 10 minutes hold at this speed")


def test_every_task_of_a_mixture_is_measured(grey_npz: Path) -> None:
    found = measured(grey_npz, stage="pretext", steps=50)
    assert found.speed.timed >= STEPS
    assert found.speed.step_seconds == 0.5


@pytest.mark.parametrize(
    "settings", [{"checkpoint_every": 2}, {"keep": 4, "checkpoint_every": 2, "stage": "simclr"}], ids=str
)
def test_the_folder_is_as_large_as_that_of_a_real_run(grey_npz: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    found = measured(grey_npz, steps=9, **settings)
    run = tmp_path / "run"
    fastssl.train(**TINY, data=str(grey_npz), steps=9, out=run, quiet=True, **settings)
    checkpoints = sorted((run / "checkpoints").iterdir())
    assert min(found.disk.checkpoints, settings.get("keep", 2)) == len(checkpoints)
    size = sum(path.stat().st_size for path in checkpoints[-1].rglob("*"))
    assert found.disk.checkpoint == pytest.approx(size, rel=0.01)
    whole = sum(path.stat().st_size for path in run.rglob("*") if path.is_file())
    assert found.disk.folder == pytest.approx(whole, rel=0.05)


def test_the_peak_of_a_process_is_told_and_a_gpus_is_not_where_there_is_none(grey_npz: Path) -> None:
    memory = measured(grey_npz, steps=9).memory
    assert memory.host is None or memory.host > 50_000_000
    assert (memory.device, memory.reserved) == (None, None)
    assert memory.snapshot > 0


def test_the_loader_is_the_limit_where_steps_wait_for_it() -> None:
    times = StepTimes(Counter("a"), setup=0.0)
    for _ in range(4):
        times.add("a", StepTime(seconds=1.0, waited=0.3))
    assert times.data_wait > WAITING
    assert speed_of(times, 16, 0.3, ahead=True).limit == "loader"
    assert speed_of(times, 16, 0.3, ahead=False).limit == "step"  # nothing is made ahead: most of the time is the step


def test_the_figures_can_be_written_as_json_and_hold_no_tensor(grey_npz: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = fastssl.Estimate(
        data="grey",
        images=52,
        recipe=None,
        folder=tmp_path,
        processes=1,
        opening_seconds=2.0,
        stages=(measured(grey_npz, steps=9),),
    )
    written = json.loads(json.dumps(made.as_dict(), allow_nan=False))
    assert written["seconds"] == pytest.approx(2.0 + written["stages"][0]["seconds"])
    assert written["folder"] == str(tmp_path)

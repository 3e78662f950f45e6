"""A run that was cut ends in the same bytes as one that was not: at a stop, at SIGTERM, at SIGKILL."""

from __future__ import annotations

import io
import itertools
import signal
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import fastssl
from fastssl.errors import CheckpointError, ConfigError
from fastssl.pipelines.executors.executor import dali_installed
from fastssl.stages.registry import train_config
from fastssl.training.train import train_stage
from tests.forked import Command

# 52 images in batches of 16: epochs end after steps 3 and 6. Batches divide neither the queue nor the run.
SETTINGS = {"encoder": "test_resnet", "batch_size": 16, "seed": 3, "device": "cpu"}
OF_STAGE: dict[str, dict[str, Any]] = {"moco": {"queue_size": 40, "bn_splits": 2}}
LONG = 30

needs_dali = pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")


def train(
    out: Path, data: Path, *, clock: Callable[[], float] = time.monotonic, **settings: Any
) -> fastssl.TrainResult:
    own = OF_STAGE.get(settings.get("stage", "moco"), {})
    settings = SETTINGS | own | {"amp": False, "steps": 8} | settings
    config = train_config({**settings, "data": str(data), "out": out})
    return train_stage(config, Console(file=io.StringIO()), clock=clock)


def outcome(out: Path) -> dict[str, bytes]:
    """Every file that a run's end consists of: the newest checkpoint, the encoder, the metrics."""
    newest = max((out / "checkpoints").glob("step-*"))
    files = [*newest.iterdir(), out / "encoder.safetensors", out / "metrics.jsonl"]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def of_whole_run(tmp_path_factory: pytest.TempPathFactory, grey_npz: Path) -> Callable[..., dict[str, bytes]]:
    """The outcome of an uninterrupted run of some settings; each is trained once."""

    @cache
    def made(settings: tuple[tuple[str, Any], ...]) -> dict[str, bytes]:
        out = tmp_path_factory.mktemp("whole") / "run"
        train(out, grey_npz, **dict(settings))
        return outcome(out)

    return made


@pytest.mark.parametrize(
    ("settings", "stops"),
    [
        pytest.param({}, [3], id="at-an-epoch's-end"),
        pytest.param({}, [4], id="mid-epoch"),
        pytest.param({}, [1, 1, 5], id="three-times"),
        pytest.param({"amp": True}, [4], id="bf16"),
        pytest.param({"pipeline": "dali"}, [4], id="dali", marks=needs_dali),
        pytest.param({"encoder": "test_efficientnet"}, [4], id="other-encoder"),
        pytest.param({"stage": "pretext"}, [4], id="pretext"),
        pytest.param({"stage": "pretext", "task_weights": "inpaint=2"}, [1, 1, 5], id="pretext-three-times"),
        pytest.param({"stage": "pretext", "task_mode": "all", "freeze_bn": True}, [4], id="pretext-all-tasks"),
        pytest.param({"stage": "pretext", "pipeline": "dali"}, [4], id="pretext-dali", marks=needs_dali),
    ],
)
def test_a_resumed_run_ends_in_the_same_bytes(
    tmp_path: Path,
    grey_npz: Path,
    of_whole_run: Callable[..., dict[str, bytes]],
    settings: dict[str, Any],
    stops: list[int],
) -> None:
    whole = of_whole_run(tuple(settings.items()))
    for index, steps in enumerate(stops):
        train(tmp_path / "cut", grey_npz, **settings, stop_after=steps, resume=index > 0)
    result = train(tmp_path / "cut", grey_npz, **settings, resume=True)
    assert result.finished
    assert outcome(tmp_path / "cut") == whole


@pytest.mark.parametrize("stage", ["moco", "pretext"])
def test_a_run_with_a_budget_keeps_its_steps_and_measures_no_more_when_it_is_resumed(
    tmp_path: Path, grey_npz: Path, stage: str
) -> None:
    ticks = itertools.count()  # the clock moves by a sixth of a second whenever it is read
    clock = {"clock": lambda: next(ticks) / 6}
    begun = train(tmp_path / "cut", grey_npz, stage=stage, steps=None, minutes=0.2, stop_after=4, **clock)
    assert next(ticks) > 4
    read_once = iter([0.0])  # when the run begins; to measure, it would be read again
    train(tmp_path / "whole", grey_npz, stage=stage, steps=begun.total_steps)
    again = {"stage": stage, "steps": None, "resume": True}
    with pytest.raises(ConfigError, match=r"^minutes=0.3: the run to resume has 0.2; leave it out"):
        train(tmp_path / "cut", grey_npz, minutes=0.3, **again)
    train(tmp_path / "cut", grey_npz, minutes=0.2, stop_after=3, clock=lambda: next(read_once), **again)
    assert train(tmp_path / "cut", grey_npz, **again).finished
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")


def test_resuming_is_exact_with_several_threads_too(
    tmp_path: Path, grey_npz: Path, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: torch.set_num_threads(1))
    torch.set_num_threads(2)
    train(tmp_path / "whole", grey_npz, steps=2)
    train(tmp_path / "cut", grey_npz, steps=2, stop_after=1)
    torch.set_num_threads(1)  # as on a machine that is busy by now
    train(tmp_path / "cut", grey_npz, steps=2, resume=True)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
    assert torch.get_num_threads() == 1


def test_the_seed_decides_everything_and_the_callers_random_numbers_are_left_alone(
    tmp_path: Path, grey_npz: Path
) -> None:
    before = torch.get_rng_state()
    train(tmp_path / "first", grey_npz, steps=2)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    train(tmp_path / "second", grey_npz, steps=2)
    train(tmp_path / "other", grey_npz, steps=2, seed=4)
    assert outcome(tmp_path / "first") == outcome(tmp_path / "second")
    assert outcome(tmp_path / "first") != outcome(tmp_path / "other")


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, grey_npz: Path) -> None:
    train(tmp_path / "run", grey_npz, steps=2)
    before = outcome(tmp_path / "run")
    assert train(tmp_path / "run", grey_npz, steps=2, resume=True).finished
    assert outcome(tmp_path / "run") == before


def test_resuming_with_other_images_is_refused(tmp_path: Path, grey_npz: Path) -> None:
    images = np.load(grey_npz)["train_images"]
    data = tmp_path / "data.npz"
    np.savez(data, train_images=images)
    train(tmp_path / "run", data, stop_after=2)
    for changed in (images[::-1], images[:40]):
        np.savez(data, train_images=changed)
        with pytest.raises(CheckpointError, match="not the same images"):
            train(tmp_path / "run", data, resume=True)


@pytest.fixture(scope="module")
def uninterrupted(of_whole_run: Callable[..., dict[str, bytes]]) -> dict[str, bytes]:
    return of_whole_run((("steps", LONG),))


@pytest.fixture
def command(tmp_path: Path, grey_npz: Path) -> Iterator[Command]:
    """`fastssl train` in a process of its own, a few steps into its run, which is in `tmp_path / "run"`."""
    settings = (
        SETTINGS | OF_STAGE["moco"] | {"steps": LONG, "checkpoint_every": 1, "data": grey_npz, "out": tmp_path / "run"}
    )
    options = [text for name, value in settings.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    process = Command(["train", "--no-amp", *options], tmp_path / "printed")
    metrics = tmp_path / "run" / "metrics.jsonl"
    wait_until(lambda: process.status is not None or (metrics.exists() and metrics.read_text().count("\n") >= 4))
    yield process
    process.kill()


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_sigterm_finishes_the_step_saves_and_tells_the_shell(
    command: Command, tmp_path: Path, grey_npz: Path, uninterrupted: dict[str, bytes]
) -> None:
    command.send_signal(signal.SIGTERM)
    said, complained = command.end(timeout=60)
    last = said.splitlines()[-1]
    assert (command.status, complained) == (128 + signal.SIGTERM, "")
    assert last.startswith("SIGTERM: stopped and saved at step ")
    assert last.endswith("go on with --resume")
    assert fastssl.load_encoder(tmp_path / "run").spec.name == "test_resnet"
    train(tmp_path / "run", grey_npz, steps=LONG, checkpoint_every=LONG, resume=True)
    assert outcome(tmp_path / "run") == uninterrupted


def test_a_killed_run_resumes_to_the_same_bytes(
    command: Command, tmp_path: Path, grey_npz: Path, uninterrupted: dict[str, bytes]
) -> None:
    command.kill()
    assert command.status == -signal.SIGKILL
    assert not (tmp_path / "run" / "encoder.safetensors").exists()
    train(tmp_path / "run", grey_npz, steps=LONG, checkpoint_every=LONG, resume=True)
    assert outcome(tmp_path / "run") == uninterrupted
    assert not list((tmp_path / "run").rglob("*.partial"))

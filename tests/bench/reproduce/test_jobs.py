"""Jobs are run once, gone on with where they stopped, and run again where something has changed; with made-up commands.

The program in place of fastssl writes its folder's config.yaml, as a training does when it begins, then does as its
first argument says.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.reproduce.declaration import Job
from bench.reproduce.jobs import Runner, run_jobs
from fastssl.training.run_lock import run_lock

PROGRAM = """
import pathlib, sys, time
what, name = sys.argv[1:3]
folder = pathlib.Path(name)
folder.mkdir(parents=True, exist_ok=True)
(folder / "config.yaml").write_text("stage: moco")
with open("calls.txt", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + chr(10))
if what == "fails":
    sys.exit("no luck with this one")
if what == "waits" and "--resume" not in sys.argv:
    time.sleep(60)
if what != "forgets":
    (folder / "encoder.safetensors").write_text("weights")
if what == "saves":
    for run in (folder, folder / "moco"):
        (run / "checkpoints" / "step-1").mkdir(parents=True, exist_ok=True)
if "--fail" in sys.argv:
    sys.exit("no luck after all")
"""
Make = Callable[..., Runner]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def make(tmp_path: Path, said: list[str]) -> Make:
    """Returns a runner in an empty folder; settings of `Runner` can be given."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    folder = tmp_path / "table"
    folder.mkdir()
    usual = {"folder": folder, "data_root": tmp_path, "code": "abc", "say": said.append}
    return lambda **settings: Runner(**{**usual, "program": (sys.executable, "-S", str(program)), **settings})


def job(name: str, what: str = "works", *options: str, needs: tuple[str, ...] = (), training: bool = True) -> Job:
    return Job(
        name=name,
        arguments=(what, name, *options),
        artefact=f"{name}/encoder.safetensors",
        needs=needs,
        run_folder=name if training else "",
    )


def calls(runner: Runner) -> list[str]:
    """The commands that were run, without the folder of data that each of them is given."""
    path = runner.folder / "calls.txt"
    place = f" --data-root {runner.data_root}"
    lines = path.read_text().splitlines() if path.exists() else []
    assert all(place in line for line in lines)
    return [line.replace(place, "") for line in lines]


def begun(runner: Runner, one: Job) -> None:
    """Leave a job as one that was killed."""
    record = runner.folder / f"{one.name}.job.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "state": "begun"}))


def test_a_job_that_is_done_is_not_run_again(make: Make, said: list[str]) -> None:
    runner, one = make(), job("seed-0/moco")
    assert run_jobs(runner, [one])
    assert run_jobs(runner, [one])
    assert calls(runner) == ["works seed-0/moco"]
    assert said[0] == "seed-0/moco: begins"
    assert said[1].startswith("seed-0/moco: done in 0 min ")
    record = runner.record(one)
    assert (record["command"], record["code"], record["state"]) == ("fastssl works seed-0/moco", "abc", "done")
    assert str(runner.data_root) not in json.dumps(record)


def test_a_training_that_is_done_keeps_its_weights_alone(make: Make) -> None:
    runner = make()
    assert run_jobs(runner, [job("seed-0/recipe", "saves")])
    folder = runner.folder / "seed-0" / "recipe"
    assert (folder / "encoder.safetensors").is_file()
    assert list(folder.rglob("checkpoints")) == []
    assert runner.is_done(job("seed-0/recipe", "saves"))


def test_a_training_that_failed_keeps_its_checkpoints(make: Make) -> None:
    runner = make()
    assert not run_jobs(runner, [job("seed-0/moco", "saves", "--fail")])
    assert (runner.folder / "seed-0" / "moco" / "checkpoints").is_dir()


def test_a_job_without_its_artefact_is_run_again(make: Make) -> None:
    runner, one = make(), job("moco")
    run_jobs(runner, [one])
    (runner.folder / one.artefact).unlink()
    assert run_jobs(runner, [one])
    assert calls(runner) == ["works moco", "works moco"]


def test_a_changed_command_begins_in_an_empty_folder(make: Make) -> None:
    runner = make()
    run_jobs(runner, [job("moco")])
    left = runner.folder / "moco" / "left.txt"
    left.touch()
    assert run_jobs(runner, [job("moco", "works", "--epochs", "2")])
    assert calls(runner)[1] == "works moco --epochs 2"
    assert not left.exists()


def test_a_training_that_was_killed_is_resumed_and_its_seconds_add_up(make: Make) -> None:
    runner, one = make(), job("moco")
    run_jobs(runner, [one])
    begun(runner, one)
    before = runner.record(one)["seconds"]
    assert run_jobs(runner, [one])
    assert calls(runner)[1] == "works moco --resume"
    assert runner.record(one)["seconds"] >= before


def test_an_evaluation_that_was_killed_is_given_again_with_its_finished_trials(make: Make) -> None:
    runner, one = make(), job("finetune", training=False)
    run_jobs(runner, [one])
    trials = runner.folder / "finetune" / "finetune-trials.jsonl"
    trials.touch()
    begun(runner, one)
    assert run_jobs(runner, [one])
    assert calls(runner) == ["works finetune", "works finetune"]
    assert trials.exists()


@pytest.mark.parametrize("record", ["", "{", "[1]"], ids=["missing", "damaged", "something else"])
def test_a_run_without_a_record_is_neither_resumed_nor_removed(make: Make, record: str) -> None:
    """fastssl itself refuses to train there."""
    runner, one = make(), job("moco")
    run_jobs(runner, [one])
    theirs = runner.folder / "moco" / "theirs.txt"
    theirs.touch()
    (runner.folder / "moco.job.json").write_text(record)
    run_jobs(runner, [one])
    assert calls(runner)[1] == "works moco"
    assert theirs.exists()


def test_a_run_that_somebody_trains_is_not_replaced(make: Make, said: list[str]) -> None:
    runner = make()
    run_jobs(runner, [job("moco")])
    with run_lock(runner.folder / "moco"):
        assert not run_jobs(runner, [job("moco", "works", "--epochs", "2")])
    assert said[-1].startswith("moco: FAILED: ")
    assert "is training here" in said[-1]
    assert runner.is_done(job("moco"))


def test_other_code_is_a_warning_and_with_strict_a_reason_to_run_again(make: Make, said: list[str]) -> None:
    one = job("finetune", training=False)
    run_jobs(make(), [one])
    said.clear()
    assert run_jobs(make(code="def"), [one])
    assert said == ["finetune: warning: made by code abc, which is now def; --strict runs it again"]
    strict = make(code="def", strict=True)
    trials = strict.folder / "finetune" / "finetune-trials.jsonl"
    trials.write_text("finished by other code")
    assert run_jobs(strict, [one])
    assert len(calls(strict)) == 2
    assert not trials.exists()


def test_what_one_code_began_and_another_went_on_with_is_told_and_recorded(make: Make, said: list[str]) -> None:
    one = job("moco")
    run_jobs(make(), [one])
    begun(make(), one)
    assert run_jobs(make(code="def"), [one])
    assert "moco: warning: begun by code abc, which is now def; --strict begins it anew" in said
    assert make().record(one)["code"] == "abc, def"
    begun(make(), one)
    strict = make(code="def", strict=True)
    assert run_jobs(strict, [one])
    assert calls(strict) == ["works moco", "works moco --resume", "works moco"]


def test_a_job_is_run_again_after_one_that_it_needs(make: Make) -> None:
    runner, second = make(), job("fewshot", needs=("moco",), training=False)
    run_jobs(runner, [job("moco"), second])
    run_jobs(runner, [job("moco", "works", "--epochs", "2"), second])
    assert [line.split()[1] for line in calls(runner)] == ["moco", "fewshot", "moco", "fewshot"]


def test_a_failure_is_one_line_and_stops_only_what_needs_it(make: Make, said: list[str]) -> None:
    runner = make()
    jobs = [job("a", "fails"), job("b", needs=("a",)), job("c", needs=("b",)), job("d")]
    assert not run_jobs(runner, jobs)
    assert [line.split()[1] for line in calls(runner)] == ["a", "d"]
    assert f"a: FAILED (exit status 1): no luck with this one; log: {runner.folder / 'a.log'}" in said
    assert "b: left out, it needs a" in said
    assert "c: left out, it needs b" in said


def test_a_job_that_leaves_nothing_behind_has_failed(make: Make, said: list[str]) -> None:
    runner = make()
    assert not run_jobs(runner, [job("a", "forgets")])
    assert said[-1] == f"a: FAILED (no a/encoder.safetensors): no output; log: {runner.folder / 'a.log'}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_training_that_is_interrupted_is_stopped_and_later_resumed(make: Make, number: int) -> None:
    runner, one = make(), job("moco", "waits")
    before = signal.signal(number, signal.default_int_handler)
    stopping = threading.Thread(target=_stop_once, args=(lambda: calls(runner), number))
    try:
        stopping.start()
        with pytest.raises(KeyboardInterrupt):
            runner.run(one)
    finally:
        signal.signal(number, before)
        stopping.join()
    assert not runner.is_done(one)
    assert runner.record(one)["state"] == "begun"
    assert run_jobs(runner, [one])
    assert calls(runner) == ["waits moco", "waits moco --resume"]


def _stop_once(condition: Callable[[], Any], number: int, seconds: float = 30.0) -> None:
    """Send this process a signal as soon as something is so."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(os.getpid(), number)

"""`fastssl train` in several processes: started by torchrun, ended by signals, killed, gone on with by one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SETTINGS = [
    "--data",
    "demo",
    "--encoder",
    "test_resnet",
    "--batch-size",
    "16",
    "--device",
    "cpu",
    "--precision",
    "fp32",
]
SHORT = ["--steps", "6", "--queue-size", "64"]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def environment(rank: int, size: int, port: int) -> dict[str, str]:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_PORT": port}
    return {**os.environ, "MASTER_ADDR": "127.0.0.1", **{name: str(value) for name, value in place.items()}}


def start(size: int, *words: str) -> list[subprocess.Popen[str]]:
    """So many processes of a command, which no launcher looks after."""
    port, command = free_port(), [sys.executable, "-m", "fastssl", "train", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return [subprocess.Popen(command, env=environment(rank, size, port), **pipes) for rank in range(size)]


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def wait_for_checkpoint(folder: Path, step: int) -> None:
    begin = time.monotonic()
    while not (folder / "checkpoints" / f"step-{step:08d}").exists():
        assert time.monotonic() - begin < 90
        time.sleep(0.05)


def losses(folder: Path) -> dict[int, float]:
    records = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return {record["step"]: record["loss"] for record in records}


def run(*words: str, module: str = "fastssl", before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = (
        [sys.executable, "-m", *before, "-m", module, *words] if before else [sys.executable, "-m", module, *words]
    )
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_torchrun_trains_what_one_process_trains(tmp_path: Path) -> None:
    one = run("train", *SETTINGS, *SHORT, "--out", str(tmp_path / "one"))
    torchrun = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    two = run("train", *SETTINGS, *SHORT, "--out", str(tmp_path / "two"), before=torchrun)
    assert (one.returncode, two.returncode) == (0, 0), two.stderr
    assert two.stdout.count("done: 6 steps") == 1  # rank 0 alone speaks
    assert "processes    2" in two.stdout
    alone, shared = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert list(shared) == [1, 2, 3, 4, 5, 6]
    assert shared == pytest.approx(alone, rel=1e-3)
    assert (tmp_path / "two" / "encoder.safetensors").stat().st_size == (
        tmp_path / "one" / "encoder.safetensors"
    ).stat().st_size


def test_when_one_process_is_killed_the_other_says_which_and_one_process_goes_on(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    folder = tmp_path / "run"
    processes += start(
        2, *SETTINGS, "--steps", "100000", "--checkpoint-every", "5", "--out", str(folder), "--peer-timeout", "20"
    )
    wait_for_checkpoint(folder, 10)
    processes[1].send_signal(signal.SIGKILL)
    begin = time.monotonic()
    _, said = processes[0].communicate(timeout=30)
    assert time.monotonic() - begin < 20
    assert processes[0].returncode == 75
    assert f"fastssl: error: rank 1 (process {processes[1].pid} on " in said
    assert "is gone: it was killed, or hangs; the last checkpoint is kept, go on with --resume" in said
    resumed = run("train", "--out", str(folder), "--resume", "--stop-after", "2")
    assert resumed.returncode == 0, resumed.stderr
    assert "resumed at step" in resumed.stdout


@pytest.mark.slow
def test_a_signal_to_any_process_stops_all_at_one_step(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    folder = tmp_path / "run"
    processes += start(2, *SETTINGS, "--steps", "100000", "--checkpoint-every", "3", "--out", str(folder))
    wait_for_checkpoint(folder, 3)
    processes[1].send_signal(signal.SIGTERM)
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [143, 143], said
    assert "SIGTERM: stopped and saved at step" in said[0][0]
    assert said[1] == ("", "")


@pytest.mark.slow
def test_a_recipe_trains_each_stage_and_evaluates_together(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    folder = tmp_path / "run"
    settings = ["demo-colour" if word == "demo" else word for word in SETTINGS]
    processes += start(2, "--recipe", "mtcp", *settings, "--steps", "2", "--queue-size", "64", "--out", str(folder))
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert f"starts from {folder / 'moco'}" in said[0][0]
    assert (folder / "report" / "fewshot.json").is_file()
    assert said[1] == ("", "")


def test_what_is_wrong_for_all_is_said_once(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    settings = ["15" if word == "16" else word for word in SETTINGS]
    processes += start(2, *settings, "--steps", "2", "--out", str(tmp_path / "run"))
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [2, 2]
    assert said[0][1] == "fastssl: error: batch_size=15: cannot be shared evenly by 2 processes; give 14\n"
    assert said[1] == ("", "")
    assert not (tmp_path / "run").exists()

"""`fastssl train` in several processes: started by torchrun, ended by signals, killed, gone on with by one."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastssl.cli import main
from tests.forked import Command

SETTINGS = ["--encoder", "test_resnet", "--batch-size", "16", "--device", "cpu", "--precision", "fp32"]
SHORT = ["--steps", "6", "--queue-size", "64"]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., list[Command]]]:
    """`start(2, ...)`: so many processes of one `fastssl train ...`, which no launcher looks after."""
    started: list[Command] = []

    def processes(size: int, *words: str) -> list[Command]:
        place = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        for rank in map(str, range(size)):
            own = {**place, "RANK": rank, "LOCAL_RANK": rank}
            started.append(Command(["train", *words], tmp_path / "printed" / str(len(started)), own))
        return started[-size:]

    yield processes
    for process in started:
        process.kill()


def wait_for_checkpoint(folder: Path, step: int) -> None:
    begin = time.monotonic()
    while not (folder / "checkpoints" / f"step-{step:08d}").exists():
        assert time.monotonic() - begin < 60
        time.sleep(0.05)


def losses(folder: Path) -> dict[int, float]:
    records = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return {record["step"]: record["loss"] for record in records}


def test_torchrun_trains_what_one_process_trains(tmp_path: Path, grey_npz: Path) -> None:
    settings = ["--data", str(grey_npz), *SETTINGS, *SHORT]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "fastssl"]
    line = [sys.executable, *torchrun, "train", *settings, "--out", str(tmp_path / "two")]
    two = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert two.returncode == 0, two.stderr
    assert main(["train", *settings, "--out", str(tmp_path / "one")]) == 0
    assert two.stdout.count("done: 6 steps") == 1  # rank 0 alone speaks
    assert "processes    2" in two.stdout
    alone, shared = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert list(shared) == [1, 2, 3, 4, 5, 6]
    assert shared == pytest.approx(alone, rel=1e-3)
    assert (tmp_path / "two" / "encoder.safetensors").stat().st_size == (
        tmp_path / "one" / "encoder.safetensors"
    ).stat().st_size


@pytest.mark.slow
def test_torchrun_estimates_once_for_all_and_writes_nothing(tmp_path: Path) -> None:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "fastssl"]
    line = [sys.executable, *torchrun, "estimate", *SETTINGS, *SHORT, "--out", str(tmp_path / "two")]
    two = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("\n  speed ") == 1  # rank 0 alone speaks
    assert "processes    2" in two.stdout
    assert "peak of rank 0" in two.stdout
    assert "not looked for in several processes" in two.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("victim", [1, pytest.param(0, marks=pytest.mark.slow)])  # rank 0 keeps the store
def test_when_one_process_is_killed_the_other_says_which_and_one_process_goes_on(
    tmp_path: Path,
    grey_npz: Path,
    start: Callable[..., list[Command]],
    capsys: pytest.CaptureFixture[str],
    victim: int,
) -> None:
    folder = tmp_path / "run"
    endless = ["--data", str(grey_npz), *SETTINGS, "--steps", "100000", "--checkpoint-every", "5"]
    processes = start(2, *endless, "--out", str(folder), "--peer-timeout", "20")
    wait_for_checkpoint(folder, 10)
    processes[victim].send_signal(signal.SIGKILL)
    begin = time.monotonic()
    _, said = processes[1 - victim].end(timeout=30)
    assert time.monotonic() - begin < 20
    assert processes[1 - victim].status == 75
    assert f"error: rank {victim} " in said
    assert victim == 0 or f"rank 1 (process {processes[1].pid} on " in said
    assert said.endswith("is gone: it was killed, or hangs; the last checkpoint is kept, go on with --resume\n")
    assert said.count("\n") == 1
    assert main(["train", "--out", str(folder), "--resume", "--stop-after", "2"]) == 0
    assert "resumed at step" in capsys.readouterr().out


@pytest.mark.slow
def test_a_signal_to_any_process_stops_all_at_one_step(
    tmp_path: Path, grey_npz: Path, start: Callable[..., list[Command]]
) -> None:
    folder = tmp_path / "run"
    endless = ["--data", str(grey_npz), *SETTINGS, "--steps", "100000", "--checkpoint-every", "3"]
    processes = start(2, *endless, "--out", str(folder))
    wait_for_checkpoint(folder, 3)
    processes[1].send_signal(signal.SIGTERM)
    said = [process.end(timeout=60) for process in processes]
    assert [process.status for process in processes] == [143, 143], said
    assert "SIGTERM: stopped and saved at step" in said[0][0]
    assert said[1] == ("", "")


@pytest.mark.slow
def test_a_recipe_trains_each_stage_and_evaluates_together(tmp_path: Path, start: Callable[..., list[Command]]) -> None:
    folder = tmp_path / "run"
    settings = ["--data", "demo-colour", *SETTINGS, "--steps", "2", "--queue-size", "64"]
    processes = start(2, "--recipe", "mtcp", *settings, "--out", str(folder))
    said = [process.end(timeout=120) for process in processes]
    assert [process.status for process in processes] == [0, 0], said
    assert f"starts from {folder / 'moco'}" in said[0][0]
    assert (folder / "report" / "fewshot.json").is_file()
    assert said[1] == ("", "")


@pytest.mark.slow
def test_rank_0_watches_and_nothing_that_is_trained_depends_on_it(
    tmp_path: Path, start: Callable[..., list[Command]]
) -> None:
    weights = []
    for asked in (["--monitor", "knn", "--monitor-share", "0.5"], ["--monitor", "off"]):
        folder = tmp_path / asked[1]
        processes = start(2, "--data", "demo", *SETTINGS, *asked, "--steps", "200", "--out", str(folder))
        said = [process.end(timeout=120) for process in processes]
        assert [process.status for process in processes] == [0, 0], said
        assert said[1] == ("", "")
        records = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        assert any("monitor/knn_acc" in record for record in records) == (asked[1] == "knn")
        weights.append((folder / "encoder.safetensors").read_bytes())
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_methods_are_compared_together_and_rank_0_alone_speaks(
    tmp_path: Path, start: Callable[..., list[Command]]
) -> None:
    folder = tmp_path / "run"
    asked = ["--candidates", "moco,pretext,random", "--draws", "2", "--shots", "3", "--finetune", "none"]
    processes = start(2, "--recipe", "aligned", *SETTINGS, *asked, "--steps", "2", "--out", str(folder))
    said = [process.end(timeout=240) for process in processes]
    assert [process.status for process in processes] == [0, 0], said
    assert said[0][0].count("3 trials: 3 candidates") == 1
    assert (folder / "report" / "aligned.json").is_file()
    assert said[1] == ("", "")


def test_what_is_wrong_for_all_is_said_once(
    tmp_path: Path, grey_npz: Path, start: Callable[..., list[Command]]
) -> None:
    settings = ["--data", str(grey_npz), *("15" if word == "16" else word for word in SETTINGS)]
    processes = start(2, *settings, "--steps", "2", "--out", str(tmp_path / "run"))
    said = [process.end(timeout=60) for process in processes]
    assert [process.status for process in processes] == [2, 2]
    assert said[0][1] == "fastssl: error: batch_size=15: cannot be shared evenly by 2 processes; give 14\n"
    assert said[1] == ("", "")
    assert not (tmp_path / "run").exists()

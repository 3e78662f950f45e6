"""Two processes of one thread against one process of two: what exchanging gradients, keys and statistics costs.

Covers: `fastssl train` on the cores of one CPU, by gloo, with each option that lets processes exchange less; every run
starts anew, taking turns. Does not cover: GPUs (not yet measured), networks (docs/scaling.md has the formulae).
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.harness import Amount, Comparison, best_device
from bench.harness.machine import user_environment

pytestmark = [pytest.mark.full, pytest.mark.skipif(best_device() == "cuda", reason="processes of a CPU")]

BATCH, STEPS, ROUNDS = 128, 30, 4
STAGES = {"moco": ["--queue-init", "random"], "simclr": []}
# Name -> (processes, threads of each, options).
VARIANTS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "fastssl, 2 processes": (2, 1, ()),
    "fastssl, 2 processes, --compress-gradients": (2, 1, ("--compress-gradients",)),
    "fastssl, 2 processes, --no-sync-bn": (2, 1, ("--no-sync-bn",)),
    "fastssl, 2 processes, --accumulate 2": (2, 1, ("--accumulate", "2")),
    "bound: 1 process, 2 threads": (1, 2, ()),
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def step_seconds(words: Sequence[str], processes: int, threads: int, out: Path) -> float:
    """Mean of all steps but the first, as the run itself says."""
    command, port = [sys.executable, "-m", "fastssl", "train", *words, "--out", str(out)], free_port()
    own = {"WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": threads}
    started = []
    for rank in range(processes):
        place = {**own, "RANK": rank, "LOCAL_RANK": rank} if processes > 1 else {"OMP_NUM_THREADS": threads}
        environment = {**user_environment(), **{name: str(value) for name, value in place.items()}}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=600)[0] for process in started]
    shutil.rmtree(out, ignore_errors=True)
    found = re.search(r"done: \d+ steps, ([\d,]+) images/s", said[0])
    if found is None:
        raise RuntimeError(f"a run has not ended: {said[0]}")
    return BATCH / float(found[1].replace(",", ""))


@pytest.mark.parametrize("stage", STAGES)
def test_processes_of_one_machine(stage: str, compare: Comparison, tmp_path: Path) -> None:
    rounds, steps, encoder = (1, 3, "test_resnet") if compare.once else (ROUNDS, STEPS, "resnet18")
    words = ["--stage", stage, "--data", "demo", "--encoder", encoder, "--stem", "standard", *STAGES[stage]]
    words += ["--batch-size", str(BATCH), "--steps", str(steps), "--device", "cpu"]
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, (processes, threads, options) in VARIANTS.items():
            seconds[name].append(step_seconds([*words, *options], processes, threads, tmp_path / "run"))
    compare.record(f"{stage} ResNet-18, 28x28x1, batch {BATCH}", seconds, amount=Amount(BATCH, "images"))

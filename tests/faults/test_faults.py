"""A quick version of `make faults`; in a process of its own, for it forks, which a process with threads may not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "options", [["--quick"], pytest.param(["--runs", "10", "--seed", "1"], marks=pytest.mark.slow)], ids=" ".join
)
def test_every_run_goes_on_to_the_same_bytes(options: list[str]) -> None:
    command = [sys.executable, "-m", "tests.faults", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = [line.split() for line in done.stdout.splitlines() if line[-1:].isdigit()]
    assert len(kinds) >= 6
    assert all(int(kind[-3]) > 0 for kind in kinds)  # each was tried
    assert sum(int(kind[-2]) for kind in kinds) >= 4  # and most faults came in time

"""How the programs of bench end: their exit status, and no traceback where nobody reads them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("bench.compare", "bench.reproduce.run", "bench.speedrun.run", "bench.table")


def run(arguments: str) -> subprocess.CompletedProcess[bytes]:
    line = f"set -o pipefail; {sys.executable} {arguments}"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, check=False, env=buffered)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_reader_who_has_gone_is_no_traceback(program: str) -> None:
    done = run(f"-m {program} --help | true")
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_reader_who_goes_in_the_middle_is_no_traceback() -> None:
    done = run("-c \"from bench.program import leave; leave(lambda: [print('x' * 99) for _ in range(9999)])\" | true")
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_programs_own_status_is_the_processs() -> None:
    done = run("-c \"from bench.program import leave; leave(lambda: print('read') or 3)\"")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"read\n", b"")

"""How the programs of bench end: their exit status, and no traceback where nobody reads them."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked

ROOT = Path(__file__).parents[2]
PROGRAMS = ("bench.compare", "bench.reproduce.run", "bench.speedrun.run", "bench.table")


def run(arguments: str) -> subprocess.CompletedProcess[bytes]:
    line = f"set -o pipefail; {sys.executable} {arguments}"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, check=False, env=buffered)


def help_for_nobody(program: str, told: str) -> None:
    """Run a program as `python -m` does, its output going to a reader who has gone; for a process of its own."""
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)
    os.dup2(os.open(told, os.O_WRONLY | os.O_CREAT, 0o666), 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 (buffered, as a pipe's is)
    sys.path.insert(0, str(ROOT))
    sys.argv = [program, "--help"]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_reader_who_has_gone_is_no_traceback(program: str, tmp_path: Path) -> None:
    process = forked.context().Process(target=help_for_nobody, args=(program, str(tmp_path / "told")))
    process.start()
    process.join(60)
    assert (process.exitcode, (tmp_path / "told").read_text()) == (141, "")


def test_a_reader_who_goes_in_the_middle_is_no_traceback() -> None:
    done = run("-c \"from bench.program import leave; leave(lambda: [print('x' * 99) for _ in range(9999)])\" | true")
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_programs_own_status_is_the_processs() -> None:
    done = run("-c \"from bench.program import leave; leave(lambda: print('read') or 3)\"")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"read\n", b"")

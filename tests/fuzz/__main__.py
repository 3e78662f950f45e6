"""`make fuzz`, `python -m tests.fuzz [--seconds N] [--only NAME ...]`: every parser, each in a process of its own.

Covers: choosing targets and the engine, what was found. Does not cover: an engine (`engines.py`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from .target import kept_faults
from .targets import NAMES

CRASHES = Path(__file__).parents[2] / "build" / "fuzz"
PATIENCE = 240
"""Seconds that a process may take beyond those of fuzzing: for imports, and for all inputs of former times."""


def main() -> int:
    """Fuzz, one target after the other; 1 where there are faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz every parser of fastssl.")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (default: 60)")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--engine", choices=("auto", "atheris", "hypothesis"), default="auto")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    engine = options.engine
    if engine == "auto":
        engine = "atheris" if find_spec("atheris") else "hypothesis"
    if options.here:
        return _fuzz(options.only[0], engine, options.seconds)
    faults = [_report(name, engine, options.seconds) for name in options.only]
    return 1 if any(faults) else 0


def _report(name: str, engine: str, seconds: float) -> bool:
    """Fuzz one target in a process of its own and print what was found; returns whether there are faults."""
    command = [sys.executable, "-m", "tests.fuzz", "--here", "--only", name, "--engine", engine]
    command += ["--seconds", str(seconds)]
    with tempfile.TemporaryFile() as log:
        try:
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            options = {"stdout": log, "stderr": subprocess.STDOUT, "env": environment, "timeout": seconds + PATIENCE}
            status = subprocess.run(command, check=False, **options).returncode
        except subprocess.TimeoutExpired:
            status = None
        log.seek(0)
        lines = log.read().decode("utf-8", "replace").splitlines()
    tried = next((line.split()[-1] for line in lines if line.startswith("stat::number_of_executed_units")), "no")
    found = kept_faults(CRASHES, name)
    where = f" in {CRASHES / name}" if found else ""
    print(f"{name:<16} {tried:>8} inputs, {len(found)} faults{where}", flush=True)
    if status != 0:
        print("    hangs" if status is None else f"    ended with {status}")
        print("\n".join(f"    {line}" for line in lines[-12:]), flush=True)
    return bool(found) or status != 0


def _fuzz(name: str, engine: str, seconds: float) -> int:
    from .engines import fuzz_by_chance, fuzz_by_coverage

    if engine == "atheris":
        fuzz_by_coverage(name, seconds, CRASHES)
    print(f"stat::number_of_executed_units: {fuzz_by_chance(name, seconds, CRASHES)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

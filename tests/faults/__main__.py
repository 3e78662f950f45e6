"""`make faults`, `python -m tests.faults [--runs N] [--seed S]`: faults in the middle of everything, then going on.

Covers: how many of each, the table. Does not cover: what is tried (`scenarios.py`).
"""

from __future__ import annotations

import argparse
import codecs
import os
import sys
import tempfile
from pathlib import Path

from .scenarios import COMMANDS, Harness


def main() -> int:
    """Try everything; 1 where anything was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Kill, fill and damage; then go on.")
    parser.add_argument("--runs", type=int, default=100, help="killed runs of the training (default: 100)")
    parser.add_argument("--quick", action="store_true", help="a handful of runs alone")
    parser.add_argument("--seed", type=int, default=0, help="of what is random (default: 0)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fastssl-faults-") as root:
        Path(root).chmod(0o755)
        harness = Harness(Path(root), options.seed)
        if options.quick:
            try_a_few(harness)
        else:
            try_all(harness, options.runs)
    failed = 0
    print(f"\n{'fault':<60} {'tried':>6} {'hit':>6} {'failed':>6}")
    for kind, tally in harness.tallies.items():
        print(f"{kind:<60} {tally.tried:>6} {tally.hit:>6} {len(tally.failures):>6}")
        failed += len(tally.failures)
    for kind, tally in harness.tallies.items():
        for failure in tally.failures:
            print(f"\n{kind}: {failure}")
    return 1 if failed else 0


def try_a_few(harness: Harness) -> None:
    """One or two of each kind of fault in a training.

    Args:
        harness: tries.
    """
    harness.kill_by_time("train")
    for _ in range(2):
        harness.kill_by_call("train")
    harness.fill_disk("train")
    harness.break_loader()
    harness.damage_newest()
    harness.run_twice()


def try_all(harness: Harness, runs: int) -> None:
    """Kill a training `runs` times, half of them at a change of the disk, and everything else a share of that.

    Args:
        harness: tries.
        runs: of the training.
    """
    some, few = max(1, runs // 5), max(1, runs // 20)
    plan = [(harness.kill_by_time, "train", runs - runs // 2), (harness.kill_by_call, "train", runs // 2)]
    for name in COMMANDS:
        if name != "train":
            plan += [(harness.kill_by_time, name, some), (harness.kill_by_call, name, some)]
        plan.append((harness.fill_disk, name, some if name == "train" else few))
        plan.append((harness.write_nowhere, name, 1))
    for attempt, name, count in plan:
        for _ in range(count):
            attempt(name)
        print(".", end="", flush=True)
    for single, count in ((harness.break_loader, few), (harness.set_clock_back, 1), (harness.damage_newest, some)):
        for _ in range(count):
            single()
    for _ in range(few):
        harness.run_twice()


if __name__ == "__main__":
    if os.environ.get("OMP_NUM_THREADS") != "1":  # a forked process must not wait for threads that it has not got
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.faults", *sys.argv[1:]],
            {**os.environ, "OMP_NUM_THREADS": "1"},
        )

    for encoding in ("utf-8-sig", "cp437"):  # for a user who may not read Python's own files
        codecs.lookup(encoding)

    import fastssl.evaluation.fewshot.run
    import fastssl.evaluation.probe.run
    import fastssl.recipes  # noqa: F401  (imported once, before the first fork)

    sys.exit(main())

"""The speed-run: seconds of wall-clock from the raw file to a score on the test images, over several seeds.

Covers: `python -m bench.speedrun.run ENTRANT ... --target NAME [--seeds 5] [--record]`; every run in processes
of its own, entrants taking turns; the mean score against the target by a one-sided t-test. Exit status 0: all ran;
2: they cannot. Does not cover: the rules (`README.md`), who runs what (`entrants.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scipy.stats import ttest_1samp

from bench.harness.machine import environment, user_environment
from bench.program import leave
from bench.speedrun.entrants import ENTRANTS, Entrant
from bench.speedrun.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results" / "speedrun"
SURE = 0.01
LEAST_SEEDS = 5


@dataclass
class Attempt:
    """An entrant's runs."""

    entrant: str
    seconds: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


class RunFailed(Exception):
    """A command of an entrant failed; the message says which, and its last line."""


def one_run(entrant: Entrant, target: Target, data: Path, seed: int) -> tuple[float, float]:
    """Seconds from the first command's start to the last one's end, and the score."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, output = Path(temporary) / "run", ""
        commands = entrant.commands(target, data, seed, folder)
        begin = time.perf_counter()
        for command in commands:
            finished = subprocess.run(
                command, env=user_environment(), cwd=temporary, capture_output=True, text=True, check=False
            )
            if finished.returncode:
                lines = finished.stderr.splitlines() or ["(nothing on standard error)"]
                raise RunFailed(f"{' '.join(command[1:])}: exit status {finished.returncode}: {lines[-1]}")
            output = finished.stdout
        seconds = time.perf_counter() - begin
        return seconds, entrant.score(target, folder, output)


def judged(attempt: Attempt, target: Target) -> dict[str, Any]:
    """As JSON has it: the means, and whether the mean score exceeds the target beyond chance."""
    p = 1.0
    if len(attempt.scores) > 1:
        p = float(ttest_1samp(attempt.scores, target.value, alternative="greater").pvalue)
    return {
        "entrant": attempt.entrant,
        "about": ENTRANTS[attempt.entrant].about,
        "seconds": [round(value, 2) for value in attempt.seconds],
        "scores": [round(value, 5) for value in attempt.scores],
        "mean_seconds": round(statistics.fmean(attempt.seconds), 2),
        "mean_score": round(statistics.fmean(attempt.scores), 5),
        "p": p,
        "reached": len(attempt.scores) >= LEAST_SEEDS and p < SURE,
    }


def line(found: dict[str, Any]) -> str:
    """One attempt for the screen."""
    deviation = statistics.stdev(found["scores"]) if len(found["scores"]) > 1 else 0.0
    verdict = "reached" if found["reached"] else "not reached"
    return (
        f"{found['entrant']:<26} {found['mean_seconds']:7.1f} s   {found['mean_score']:.4f} +- {deviation:.4f}   "
        f"p {found['p']:.2g}   {verdict}   ({len(found['scores'])} seeds)"
    )


def record(target: Target, attempts: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Add the attempts, with the machine they ran on, to the target's board."""
    path = folder / f"{target.name}.json"
    board = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"target": str(target), "records": []}
    where = environment()
    board["records"] += [{**attempt, "environment": where} for attempt in attempts]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(board, indent=1) + "\n", encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the entrants in turn; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.speedrun.run", description=__doc__.splitlines()[0])
    parser.add_argument("entrants", nargs="+", metavar="ENTRANT", help=", ".join(ENTRANTS))
    parser.add_argument("--target", choices=TARGETS, default="pneumonia-0.93")
    parser.add_argument("--seeds", type=int, default=LEAST_SEEDS, help=f"seeds of each (a record has {LEAST_SEEDS})")
    parser.add_argument("--data-root", type=Path, help="folder of data (FASTSSL_DATA, else ../shared/data)")
    parser.add_argument("--record", action="store_true", help="add the attempts to bench/results/speedrun/")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.entrants if name not in ENTRANTS]:
        parser.error(f"no entrant {', '.join(unknown)}; there are {', '.join(ENTRANTS)}")
    target = TARGETS[given.target]
    root = given.data_root or Path(os.environ.get("FASTSSL_DATA") or ROOT.parent / "shared" / "data")
    data = (root / target.data).absolute()
    if not data.is_file():
        parser.error(f"{data} is not there; give --data-root")
    attempts = {name: Attempt(name) for name in dict.fromkeys(given.entrants)}
    for seed in range(given.seeds):
        for name, attempt in attempts.items():
            try:
                seconds, score = one_run(ENTRANTS[name], target, data, seed)
            except RunFailed as error:
                print(f"error: {name}: {error}", file=sys.stderr)
                return 2
            attempt.seconds.append(seconds)
            attempt.scores.append(score)
            print(f"{name}, seed {seed}: {seconds:.1f} s, {score:.4f}", flush=True)
    found = [judged(attempt, target) for attempt in attempts.values()]
    for each in sorted(found, key=lambda one: one["mean_seconds"]):
        print(line(each))
    if given.record:
        print(f"recorded in {record(target, found, RESULTS).relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    leave(main)

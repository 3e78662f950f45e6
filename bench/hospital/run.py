"""What a division by file makes of patients with several images: `python -m bench.hospital.run`.

Covers: several hospitals, each divided by file and by patient; with `--record` kept in
`bench/results/hospital/hospital.json`. Does not cover: what is measured (`scores.py`), its table (`board.py`).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.harness.machine import environment
from bench.program import leave

from . import board
from .images import draw_hospital
from .scores import GROUPS, scores

RESULTS = Path(__file__).parents[1] / "results" / "hospital"
OTHERS = 5000
"""The first number of the patients of the other hospital."""


def measure(hospitals: int, patients: int, steps: int) -> Iterator[dict[str, Any]]:
    """Score every hospital by both divisions.

    Args:
        hospitals: how many.
        patients: of each.
        steps: of pre-training; 0: none.

    Yields:
        A row for each hospital, division and kind of features.
    """
    with tempfile.TemporaryDirectory(prefix="fastssl-hospital-") as temporary:
        for seed in range(hospitals):
            folder = Path(temporary) / f"hospital-{seed}"
            draw_hospital(patients, seed=seed).write(folder)
            fresh = draw_hospital(patients, seed=seed, first=OTHERS)
            for division in GROUPS:
                for found in scores(folder, fresh, division, steps=steps):
                    yield {
                        "hospital": seed,
                        "division": division,
                        "features": found.features,
                        "test": found.test,
                        "fresh": found.fresh,
                        "shared_patients": found.shared,
                    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.hospital.run", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--hospitals", type=int, default=3, help="how many are drawn (3)")
    parser.add_argument("--patients", type=int, default=300, help="of each (300)")
    parser.add_argument("--steps", type=int, default=200, help="of pre-training by MoCo (200); 0: none")
    parser.add_argument("--record", action="store_true", help=f"keep the figures in {RESULTS.name}/hospital.json")
    given = parser.parse_args(arguments)
    if min(given.hospitals, given.patients) < 1 or given.steps < 0:
        parser.error("give at least one hospital, one patient, and steps from 0")
    options = [f"--{name} {value}" for name, value in vars(given).items() if name != "record"]
    defaults = [f"--{name} {parser.get_default(name)}" for name in vars(given) if name != "record"]
    changed = [one for one, usual in zip(options, defaults, strict=True) if one != usual]
    record = {
        "hospitals": given.hospitals,
        "patients": given.patients,
        "command": " ".join(["python -m bench.hospital.run", *changed]),
        "rows": list(measure(given.hospitals, given.patients, given.steps)),
        "environment": environment(),
    }
    print("\n".join(board.table(record)))
    if given.record:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "hospital.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    leave(main)

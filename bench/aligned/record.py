"""Keep a finished comparison: `python -m bench.aligned.record RUN NAME`, right after it, on the same machine.

Covers: `bench/results/aligned/NAME.json`: what was found, the command, the machine, the commit. Does not cover: its
table (`board.py`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.harness.machine import environment
from bench.program import leave
from fastssl.training.stored_settings import COMMAND, read_facts

RESULTS = Path(__file__).parents[1] / "results" / "aligned"
KEPT = ("data", "task", "metric", "rows", "choice", "leads", "agreement", "notes", "decision", "agreed")


def record_of(run: Path) -> dict[str, Any]:
    """What is kept of a comparison.

    Args:
        run: its folder.

    Returns:
        The result without the places of its files, the command, and where it was measured.

    Raises:
        OSError: it has no result.
        ValueError: some candidate is not fine-tuned.
    """
    found = json.loads((run / "report" / "aligned.json").read_text(encoding="utf-8"))
    if not found["finished"] or not all(row["left_out"] or row["finetune_seconds"] for row in found["rows"]):
        raise ValueError(f"{run}: not every candidate is fine-tuned; go on with --resume --finetune all")
    words = read_facts(run).get(COMMAND, "").split()
    command = " ".join(Path(word).name if Path(word).is_absolute() else word for word in words)
    return {**{name: found[name] for name in KEPT}, "command": command, "environment": environment()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Keep one; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.aligned.record", description="Keep a finished comparison.")
    parser.add_argument("run", type=Path, help="folder of the recipe")
    parser.add_argument("name", help="of the file in bench/results/aligned, without .json")
    given = parser.parse_args(arguments)
    try:
        record = record_of(given.run)
    except (OSError, ValueError, KeyError) as error:
        parser.error(str(error))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{given.name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    leave(main)

"""The board of a speed-run as a Markdown table.

Covers: a row for each recorded attempt, the fastest that reached the target first, then those that did not. Does not
cover: running (`run.py`).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any


def table(board: Mapping[str, Any]) -> list[str]:
    """The lines of a board.

    Args:
        board: what `bench/results/speedrun/TARGET.json` holds.
    """
    order = sorted(board["records"], key=lambda record: (not record["reached"], record["mean_seconds"]))
    return [
        "| seconds (min .. max) | | score | p | seeds | processor | commit, date |",
        "| ---: | --- | ---: | ---: | ---: | --- | --- |",
        *map(_row, order),
    ]


def _row(record: Mapping[str, Any]) -> str:
    where = record["environment"]
    seconds = f"{record['mean_seconds']:.1f} ({min(record['seconds']):.1f} .. {max(record['seconds']):.1f})"
    if record["reached"]:
        seconds = f"**{seconds}**"
    deviation = statistics.stdev(record["scores"]) if len(record["scores"]) > 1 else 0.0
    chance = f"{record['p']:.1g}" if record["reached"] else f"{record['p']:.1g}, not reached"
    held = ", held to AVX2" if "held to" in where else ""
    cells = [
        seconds,
        f"{record['about']} (`{record['entrant']}`)",
        f"{record['mean_score']:.4f} ± {deviation:.4f}",
        chance,
        str(len(record["scores"])),
        f"{where['device']}{held}",
        f"{where['commit']['id']}{'+' * where['commit']['modified']}, {where['date'][:10]}",
    ]
    return f"| {' | '.join(cells)} |"

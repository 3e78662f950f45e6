"""The logs of a run, as columns of numbers.

Covers: `metrics.jsonl` and `speed.jsonl`; lines that cannot be read are left out. Does not cover: drawing curves
(`fastssl.reports.sections.curves`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class LoggedColumn:
    """One metric of a run.

    Attributes:
        steps: float64 `[N]`, how many steps were done, ascending.
        values: float64 `[N]`; nan where the log has null.
    """

    steps: np.ndarray
    values: np.ndarray


def read_log(path: Path) -> Mapping[str, LoggedColumn]:
    """Read a log of lines.

    Args:
        path: of the file; there may be none.

    Returns:
        Name -> column, of every metric that is logged, in the order in which they first occur.
    """
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return {}
    for line in lines:
        try:
            record = json.loads(line.decode("utf-8"))
            step = float(record["step"])
        except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
            continue
        for name, value in record.items():
            if name != "step" and (value is None or isinstance(value, (int, float))):
                found[name].append((step, nan if value is None else float(value)))
    columns = {}
    for name, pairs in found.items():
        steps, values = np.array(sorted(pairs, key=lambda pair: pair[0]), dtype=np.float64).T
        columns[name] = LoggedColumn(steps=steps, values=values)
    return columns

"""Results as CSV files, as every evaluation writes them.

Covers: rows of result types, statistics among their fields spread over columns; nan as an empty cell. Does not cover:
JSON (`fastssl.jsonable`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from fastssl.jsonable import without_nan
from fastssl.training.checkpoint import write_atomically

from .statistics import MeanInterval, PairedTest


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `rows`, which have the same keys, under a line of their names; atomic. An empty file without rows."""
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(without_nan(rows))
    write_atomically(path, text.getvalue())


def flat(entry: Any, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of a dataclass, one level deep: of a `MeanInterval` named NAME as NAME, NAME_std, NAME_low, ...; of a
    `PairedTest` under their own names."""
    row: dict[str, Any] = {}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if isinstance(value, MeanInterval):
            row |= {field.name if name == "mean" else f"{field.name}_{name}": x for name, x in asdict(value).items()}
        elif isinstance(value, PairedTest):
            row |= asdict(value)
        elif field.name not in left_out:
            row[field.name] = value
    return row

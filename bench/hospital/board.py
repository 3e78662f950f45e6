"""The scores of synthetic hospitals as a Markdown table.

Covers: a row for each kind of features, means and deviations over hospitals. Does not cover: measuring (`run.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean, stdev
from typing import Any


def table(record: Mapping[str, Any]) -> list[str]:
    """The lines of the table.

    Args:
        record: what `bench/results/hospital/NAME.json` holds.
    """
    kinds = list(dict.fromkeys(row["features"] for row in record["rows"]))
    where = record["environment"]
    learn, commit = where["packages"]["scikit-learn"], where["commit"]["id"]
    return [
        "| test accuracy | divided by file | then on new patients | divided by patient | then on new patients |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(f"| {kind} | {' | '.join(_cells(record, kind))} |" for kind in kinds),
        "",
        f"{record['hospitals']} synthetic hospitals of {record['patients']} patients, 1 to 12 images each. "
        f"`{record['command']}`; {where['device']}; scikit-learn {learn}; commit {commit}; {where['date'][:10]}.",
    ]


def _cells(record: Mapping[str, Any], kind: str) -> list[str]:
    rows = [row for row in record["rows"] if row["features"] == kind]
    return [
        _cell([row[score] for row in rows if row["division"] == division])
        for division in ("file", "patient")
        for score in ("test", "fresh")
    ]


def _cell(values: list[float]) -> str:
    deviation = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{mean(values):.3f}{deviation}"

"""What comes of a table's scores over seeds, as JSON.

Covers: means, deviations and intervals over the seeds of pre-training, comparisons with the reference rows, claims, the
file. Does not cover: running jobs (`jobs.py`), reading reports (`reports.py`), Markdown (`markdown.py`).

Seeds have trainings, draws and trials of their own, on the same images: intervals and p-values speak of doing all of it
again on these images, not of other images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.harness.machine import environment
from bench.reproduce.claims import decide
from bench.reproduce.declaration import Score, Table
from fastssl.evaluation.shared.statistics import holm_adjusted, mean_interval, paired_t_test
from fastssl.files import without_nan, write_json

Cells = dict[str, dict[str, dict[str, Any]]]
"""Row -> column -> what was found there."""
FIELDS = ("difference", "low", "high", "p", "p_holm", "comparisons", "reason")


def outcome(
    table: Table, scores: Mapping[int, Sequence[Score]], jobs: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Sum up a table.

    Args:
        table: as declared.
        scores: seed -> its scores.
        jobs: what was run: "name", "command", "code" and "seconds" of each.
        notes: what to know beside the table's own notes.

    Returns:
        What is written as JSON, without nan.
    """
    cells = gather(table, scores)
    measured = {name for row in cells.values() for name in row}
    content = {
        "table": table.name,
        "title": table.title,
        "environment": environment(),
        "code": sorted({code for job in jobs for code in str(job["code"]).split(", ")}),
        "seeds": sorted(scores),
        "columns": [asdict(column) for column in table.columns if column.name in measured],
        "rows": [{"label": label, "published": label in table.published, "cells": row} for label, row in cells.items()],
        "comparisons": compare(table, cells),
        "claims": [decide(claim, cells) for claim in table.claims],
        "notes": [*table.notes, *notes],
        "jobs": list(jobs),
    }
    return without_nan(content)


def gather(table: Table, scores: Mapping[int, Sequence[Score]]) -> Cells:
    """Put the scores of all seeds into rows and columns, each with mean, deviation and interval over the seeds.

    A cell that a seed lacks, as when something was installed in between, is left out.
    """
    by_seed = [{(one.row, one.column): one for one in scores[seed]} for seed in sorted(scores)]
    cells: Cells = {}
    for row in table.rows:
        for column in table.columns:
            found = [own[row, column.name] for own in by_seed if (row, column.name) in own]
            if found and len(found) == len(by_seed):
                cells.setdefault(row, {})[column.name] = _cell(found)
    return cells


def compare(table: Table, cells: Cells) -> list[dict[str, Any]]:
    """Compare rows with their reference rows, seeds paired; the comparisons of a column are one family for Holm."""
    found = []
    for column in table.columns:
        pairs = [
            (row, reference)
            for row, reference in table.references.items()
            if column.name in cells.get(row, {}) and column.name in cells.get(reference, {})
        ]
        values = [[cells[label][column.name]["values"] for label in pair] for pair in pairs]
        tests = holm_adjusted([paired_t_test(*both) for both in values])
        for (row, reference), test in zip(pairs, tests, strict=True):
            entry = {"column": column.name, "row": row, "reference": reference}
            found.append(entry | {name: getattr(test, name) for name in FIELDS})
    return found


def write_outcome(content: Mapping[str, Any], folder: Path) -> Path:
    """Write `TABLE.json` into a folder, which is made if it is not there; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{content['table']}.json"
    write_json(path, content)
    return path


def _cell(found: Sequence[Score]) -> dict[str, Any]:
    values = [one.value for one in found]
    interval = mean_interval(values)
    return {
        "values": values,
        "parts": [list(one.parts) for one in found],
        **{name: getattr(interval, name) for name in ("mean", "std", "low", "high")},
        **({"reason": interval.reason} if interval.reason else {}),
    }

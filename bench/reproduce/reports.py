"""Scores from the reports that fastssl writes.

Covers: the JSON of `fastssl fewshot`, `finetune`, `segment` and `probe`. Does not cover: what a table makes of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import nan
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.reproduce.declaration import Score

PUBLISHED = "published ResNet-18"
METRICS = {"auc": "AUC", "acc": "ACC"}


def fewshot_scores(path: Path, labels: Mapping[str, str]) -> list[Score]:
    """Return accuracy and AUC of every encoder at every number of shots, as columns "ACC, K = 5".

    Args:
        path: of `fewshot.json`.
        labels: the report's label -> the row's; others are left out.
    """
    return [
        Score(
            row=labels[row["encoder"]],
            column=f"{heading}, K = {row['shots']}",
            value=_number(row[metric]["mean"]),
            parts=_numbers(row[f"{metric}_by_seed"]),
        )
        for row in _read(path)["rows"]
        if row["encoder"] in labels
        for metric, heading in METRICS.items()
    ]


def finetune_scores(path: Path, labels: Mapping[str, str], column: Callable[[str, float], str]) -> list[Score]:
    """Return test AUC and accuracy of every encoder on every share of the labels.

    Args:
        path: of `finetune.json` or `finetune-frozen.json`.
        labels: the report's label -> the row's; others are left out. That of published results is `PUBLISHED`.
        column: name of the column for "AUC" or "ACC" and a share of the labels.
    """
    content = _read(path)
    found = []
    for row in content["rows"]:
        if row["encoder"] not in labels:
            continue
        own = [trial for trial in content["trials"] if _same_cell(trial, row)]
        for metric, heading in METRICS.items():
            found.append(
                Score(
                    row=labels[row["encoder"]],
                    column=column(heading, row["label_fraction"]),
                    value=_number(row[metric]),
                    parts=_numbers([trial[metric] for trial in own]),
                )
            )
    if content["published"] is not None and PUBLISHED in labels:
        for heading, value in zip(METRICS.values(), content["published"], strict=True):
            found.append(Score(row=labels[PUBLISHED], column=column(heading, 1.0), value=value))
    return found


def frozen_scores(path: Path, labels: Mapping[str, str], columns: Mapping[str, str]) -> list[Score]:
    """Return what the report says of the classifier's fit: means over trials, for it has no others.

    Args:
        path: of `finetune-frozen.json`.
        labels: as for `finetune_scores`.
        columns: the report's field, such as "overfitting_gap" -> name of the column.
    """
    return [
        Score(row=labels[row["encoder"]], column=column, value=_number(row[field]))
        for row in _read(path)["rows"]
        if row["encoder"] in labels
        for field, column in columns.items()
    ]


def segment_scores(path: Path, labels: Mapping[str, str], metric: str, column: str) -> list[Score]:
    """Return a metric of every initialization: the mean over the test images, which are its parts.

    Args:
        path: of `segment.json`.
        labels: the report's name of the run -> the row's; others are left out.
        metric: such as "dice".
        column: name of the column.
    """
    found = []
    for row in _read(path)["rows"]:
        if row["run"] in labels:
            images = [_numbers([score[metric] for score in trial["test"]]) for trial in row["trials"]]
            over_trials = tuple(fmean(scores) for scores in zip(*images, strict=True))
            value = _number(row["mean"][metric])
            found.append(Score(row=labels[row["run"]], column=column, value=value, parts=over_trials))
    return found


def probe_scores(path: Path, labels: Mapping[tuple[str, str], str], column: Callable[[str], str]) -> list[Score]:
    """Return test AUC and accuracy of features under classifiers.

    Args:
        path: of `probe.json`.
        labels: the report's (features, classifier) -> the row; others are left out.
        column: name of the column for "AUC" or "ACC".
    """
    return [
        Score(row=labels[key], column=column(heading), value=_number(row[metric]))
        for row in _read(path)["rows"]
        if (key := (row["features"], row["classifier"])) in labels
        for metric, heading in METRICS.items()
    ]


def _same_cell(trial: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(trial[name] == row[name] for name in ("encoder", "label_fraction"))


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _number(value: float | None) -> float:
    """Reports have null for nan."""
    return nan if value is None else float(value)


def _numbers(values: list[float | None]) -> tuple[float, ...]:
    return tuple(map(_number, values))

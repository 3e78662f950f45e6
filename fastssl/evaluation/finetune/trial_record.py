"""Finished trials as they are kept in `finetune-trials.jsonl`.

Covers: scores and curves as JSON, and back. Does not cover: the file (`fastssl.evaluation.shared.trial_cache`), what a
trial depends on (`trial_grid.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastssl.evaluation.shared.detail import detail_of
from fastssl.evaluation.shared.trial_cache import TrialCache

from .trial import Epoch, TrialResult

FILE = "finetune-trials.jsonl"
VERSION = 1
"""Raised whenever equal settings would give another result, so that old trials are not taken for new ones."""


def open_trial_cache(report: Path, notify: Callable[[str], None]) -> TrialCache[TrialResult]:
    """Return the finished trials in a folder of reports.

    Args:
        report: the folder; it need not exist.
        notify: is told of lines that cannot be read.
    """
    return TrialCache(report / FILE, encode=encode_result, decode=decode_result, version=VERSION, notify=notify)


def encode_result(result: TrialResult) -> dict[str, Any]:
    """Return a result as JSON holds it, without what it does not have.

    Args:
        result: of a trial.
    """
    record = asdict(result)
    detail = record.pop("detail")
    if detail is not None:
        record["detail"] = {name: value for name, value in detail.items() if value is not None}
    return record


def decode_result(record: dict[str, Any]) -> TrialResult:
    """Return the result that `encode_result` was given.

    Args:
        record: what it returned, with lists for tuples. Those of earlier versions have no details.
    """
    epochs = tuple(Epoch(**epoch) for epoch in record["epochs"])
    detail = detail_of(record["detail"]) if "detail" in record else None
    return TrialResult(**{**record, "epochs": epochs, "notes": tuple(record["notes"]), "detail": detail})

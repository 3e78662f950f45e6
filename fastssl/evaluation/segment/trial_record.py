"""Finished trials as they are kept in `segment-trials.jsonl`.

Covers: figures as JSON, predicted masks as PNG files in base64, so that a trial's overlays need no network. Does not
cover: the file (`evaluation/shared/trial_cache.py`), what a trial depends on (`trial_grid.py`).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fastssl.evaluation.shared.trial_cache import TrialCache

from .metrics import ImageScore
from .trial import FinishedTrial, SegmentTrial

FILE = "segment-trials.jsonl"
VERSION = 1
"""Raised whenever equal settings would give another result, so that old trials are not taken for new ones."""


def open_trial_cache(report: Path, notify: Callable[[str], None]) -> TrialCache[FinishedTrial]:
    """Return the finished trials in a folder of reports.

    Args:
        report: the folder; it need not exist.
        notify: is told of lines that cannot be read.
    """
    return TrialCache(report / FILE, encode=encode_trial, decode=decode_trial, version=VERSION, notify=notify)


def encode_trial(trial: FinishedTrial) -> dict[str, Any]:
    """Return a trial as JSON holds it.

    Args:
        trial: a finished one.
    """
    return {**asdict(trial.figures), "shown": [_encode_mask(mask) for mask in trial.shown]}


def decode_trial(record: dict[str, Any]) -> FinishedTrial:
    """Return the trial that `encode_trial` was given.

    Args:
        record: what it returned, with lists for tuples.
    """
    figures = {name: value for name, value in record.items() if name != "shown"}
    test = tuple(ImageScore(**score) for score in record["test"])
    shown = tuple(_decode_mask(text) for text in record["shown"])
    return FinishedTrial(figures=SegmentTrial(**{**figures, "test": test}), shown=shown)


def _encode_mask(mask: np.ndarray) -> str:
    """A mask `[H, W]` bool as a PNG of one bit per pixel; CHASE_DB1's, of 999x960 px, take 18 to 21 kB so."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(mask).save(content, "PNG", optimize=True)
    return base64.b64encode(content.getvalue()).decode("ascii")


def _decode_mask(text: str) -> np.ndarray:
    """The mask that `_encode_mask` was given."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.array(image, dtype=bool)

"""What is known of a finished trial, and how it is kept in `segment-trials.jsonl`.

Covers: its figures, and the predicted masks that its overlays are drawn from, as PNG files in base64. Does not cover:
training (`trial.py`), what a trial depends on (`trial_grid.py`), the file (`evaluation/shared/trial_cache.py`).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastssl.evaluation.shared.trial_cache import TrialCache

from .metrics import ImageScore

FILE = "segment-trials.jsonl"
VERSION = 1
"""Raised whenever equal settings would give another result, so that old trials are not taken for new ones."""


@dataclass(frozen=True, kw_only=True)
class SegmentTrial:
    """The figures of one training.

    Attributes:
        seed: of all that is random in it.
        steps: trained in all.
        best_step: after which the weights were kept.
        val_dice: mean Dice of the validation images at that step.
        seconds_per_step: mean over all steps but the first, training alone.
        test: a score for every test image, with the weights of `best_step`.
    """

    seed: int
    steps: int
    best_step: int
    val_dice: float
    seconds_per_step: float
    test: tuple[ImageScore, ...]


@dataclass(frozen=True, kw_only=True)
class FinishedTrial:
    """A trial's figures, and what its overlays are drawn from.

    Attributes:
        figures: what is reported.
        shown: the predicted masks of the first test images, `[H, W]` bool, at the size of the network's input.
    """

    figures: SegmentTrial
    shown: tuple[np.ndarray, ...]


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

"""The best encoder of a run so far, by what is watched.

Covers: which look was the best, by the run's log; `encoder-best.safetensors`. Does not cover: the last encoder
(`encoder.safetensors`), checkpoints, writing the log (`fastssl.training.metrics_log`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from torch import nn

from fastssl.models.encoder import EncoderSpec
from fastssl.models.encoder_file import save_encoder
from fastssl.models.spec_text import TrainedSteps
from fastssl.training.metrics_log import METRICS, MONITOR

BEST = "encoder-best.safetensors"


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best look of a run.

    Attributes:
        step: after which it was.
        value: of the measure that encoders are compared by; higher is better.
    """

    step: int
    value: float


def read_best(folder: Path, score: str) -> Best | None:
    """Find the best look in a run's log.

    Args:
        folder: of the run.
        score: name of the measure.

    Returns:
        None where the log has none.
    """
    path = folder / METRICS
    if not path.is_file():
        return None
    found = [best for line in path.read_bytes().splitlines() if (best := _best_of(line, MONITOR + score))]
    return max(found, key=lambda best: best.value, default=None)


def save_best(folder: Path, encoder: nn.Module, spec: EncoderSpec, step: int, total_steps: int) -> None:
    """Write the encoder as the best one; whole or not at all.

    Args:
        folder: of the run.
        encoder: as it now is.
        spec: how it was built.
        step: how many steps are finished.
        total_steps: of the run.

    Raises:
        OSError: it cannot be written.
    """
    save_encoder(folder / BEST, encoder, spec, TrainedSteps(step=step, total_steps=total_steps))


def _best_of(line: bytes, name: str) -> Best | None:
    """The look that a line of the log tells of, if it does."""
    if name.encode() not in line:  # quick, for there is a line for every step
        return None
    try:
        record: Any = json.loads(line)
        value, step = record[name], record["step"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return Best(step=step, value=value) if isinstance(value, float) and isfinite(value) else None

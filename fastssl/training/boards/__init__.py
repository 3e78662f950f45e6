"""Logs of metrics besides `metrics.jsonl`, as other programs show them.

Covers: TensorBoard, Weights & Biases, MLflow: which are opened, and that none of them ends a training. Does not cover:
`metrics.jsonl` (`fastssl.training.metrics_log`). Nothing is sent anywhere unless it is asked for by name.
"""

from __future__ import annotations

from .board import Board
from .open import check_boards, open_boards

__all__ = ["Board", "check_boards", "open_boards"]

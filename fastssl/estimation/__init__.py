"""What a training would take: time, memory, room on the disk, the largest batch, from a few real steps.

Covers: the command (`command.py`), an estimate of one stage or a recipe (`estimate.py`), measuring one stage
(`measure.py`), the largest batch on a CPU (`host_batches.py`, whose processes are `peak_process.py`) and on a GPU
(`gpu_batches.py`), the records (`result.py`), the lines (`report.py`). Does not cover: timing steps
(`fastssl.training.timed_steps`), training.
"""

from __future__ import annotations

from .estimate import estimate_training
from .result import Estimate, StageEstimate

__all__ = ["Estimate", "StageEstimate", "estimate_training"]

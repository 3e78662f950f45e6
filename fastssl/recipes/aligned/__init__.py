"""`--recipe aligned`: methods side by side, a cheap score on the target task, and only the winner is fine-tuned.

Covers: two-step validation as the task-aligned review of self-supervision in medical imaging (arXiv 2605.23995) asks
for. Does not cover: a stage (`fastssl.training.train`), recipes that are sequences (`fastssl.recipes.sequence`), the
evaluations (`fastssl.evaluation`).
"""

from __future__ import annotations

from .report import AlignedResult, AlignedRow
from .run import train_aligned

__all__ = ["AlignedResult", "AlignedRow", "train_aligned"]

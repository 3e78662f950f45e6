"""Scores of a classifier on labelled images that it is not trained on.

Covers: probabilities in the images' order, AUC, accuracy and log loss. Does not cover: what scores are used for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fastssl.data.source import Task
from fastssl.errors import DivergenceError
from fastssl.evaluation.shared.metrics import evaluate
from fastssl.runtime import Runtime

from .classification import Classification, log_loss


@dataclass(frozen=True)
class Scores:
    """auc is nan where it is undefined, and `note` then says why. loss: mean cross-entropy."""

    auc: float
    acc: float
    loss: float
    note: str = ""


def score(
    stage: Classification,
    batches: Iterable[dict[str, Tensor]],
    labels: np.ndarray,
    task: Task,
    runtime: Runtime,
) -> Scores:
    """Score one epoch of `batches`, in eval mode; training mode is given back after it.

    batches: hold "image" and "index", rows of `labels` `[N]` or `[N, L]`; every row once.

    Raises:
        DivergenceError: a score is not a finite number.
    """
    was_training = stage.training
    stage.eval()
    logits, rows = [], []
    with torch.inference_mode(), runtime.autocast():
        for batch in batches:
            logits.append(stage(batch["image"]).float())
            rows.append(batch["index"])
    stage.train(was_training)
    ordered = torch.empty_like(torch.cat(logits))
    ordered[torch.cat(rows)] = torch.cat(logits)
    outputs = ordered.double().cpu()
    if not bool(outputs.isfinite().all()):
        raise DivergenceError("the classifier's scores are not finite; start again with a lower --lr or --no-amp")
    loss = log_loss(outputs, torch.from_numpy(labels), multi_label=stage.multi_label)
    metrics = evaluate(labels, stage.probabilities(outputs).numpy(), task)
    return Scores(metrics.auc, metrics.acc, float(loss), metrics.note)

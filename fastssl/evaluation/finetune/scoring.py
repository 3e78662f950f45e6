"""Scores of a classifier on labelled images that it is not trained on.

Covers: probabilities in the images' order, AUC, accuracy, log loss, which scores are better. Does not cover: stopping
by them (`fastssl.evaluation.shared.early_stopping`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan

import numpy as np
import torch
from torch import Tensor

from fastssl.data.source import Task
from fastssl.errors import DivergenceError
from fastssl.evaluation.shared.early_stopping import Score
from fastssl.evaluation.shared.metrics import evaluate
from fastssl.runtime import Runtime

from .classification import Classification, log_loss


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of one part.

    Attributes:
        auc: nan where it is undefined.
        acc: accuracy, a share.
        loss: mean cross-entropy.
        note: says why AUC is undefined, if it is.
        probabilities: float64 `[N, K]` that all these are of.
    """

    auc: float
    acc: float
    loss: float
    note: str = ""
    probabilities: np.ndarray | None = None

    @property
    def rank(self) -> Score:
        """For early stopping: AUC, as MedMNIST v2 chooses epochs, or the log loss (lower is better) without one.

        Whether AUC is defined depends on the labels alone, so that all epochs of a trial are ranked by one of them.
        """
        return (-self.loss if isnan(self.auc) else self.auc,)


def score(
    stage: Classification,
    batches: Iterable[dict[str, Tensor]],
    labels: np.ndarray,
    task: Task,
    runtime: Runtime,
) -> Scores:
    """Score one epoch of `batches` in eval mode, and restore the mode after it.

    Args:
        stage: encoder and classifier.
        batches: hold "image" `[B, ...]` and "index" int64 `[B]`, which are rows of `labels`; every row once.
        labels: int64 `[N]` class indices, or `[N, L]` zeros and ones.
        task: kind of labels, as MedMNIST names it.
        runtime: gives the precision.

    Returns:
        AUC, accuracy and loss over all rows.

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
    outputs = ordered.cpu().double()
    if not bool(outputs.isfinite().all()):
        raise DivergenceError("the classifier's scores are not finite; start again with a lower --lr or --no-amp")
    loss = log_loss(outputs, torch.from_numpy(labels), multi_label=stage.multi_label)
    probabilities = stage.probabilities(outputs).numpy()
    metrics = evaluate(labels, probabilities, task)
    return Scores(auc=metrics.auc, acc=metrics.acc, loss=float(loss), note=metrics.note, probabilities=probabilities)

"""One trial of a benchmark: one classifier on one encoder's features of one set, scored on the test part.

Covers: the vote of the nearest neighbours, the linear classifiers of all seeds, their scores, the trial as JSON. Does
not cover: training the linear ones (`linear.py`), which trials there are (`trial_grid.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from fastssl.data.source import Task
from fastssl.embeddings.knn import vote_shares
from fastssl.errors import DataError
from fastssl.evaluation.shared.extraction import PartFeatures
from fastssl.evaluation.shared.metrics import evaluate
from fastssl.evaluation.shared.partition import Partition
from fastssl.evaluation.shared.trial_cache import TrialCache
from fastssl.threads import use_threads

from .linear import LabelledPart, LinearRecipe, train_linear

NEIGHBOURS = 11
"""k of the published protocol."""
FILE = "benchmark-trials.jsonl"
VERSION = 1
"""Raised whenever equal settings would give another result, so that old trials are not taken for new ones."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkTrial:
    """Result of a trial; one number for each seed, or a single one where nothing is random.

    Attributes:
        auc: on the test part, 0 to 1; nan where it is undefined.
        acc: accuracy on the test part, 0 to 1.
        val_loss: of the linear classifier's best epoch; nan for kNN.
        best_epoch: counted from 1; 0 for kNN.
        epochs: that it was trained; 0 for kNN.
        dim: features per image.
        note: why AUC is undefined; "" where it is not.
        seconds: wall time, without extracting features.
    """

    auc: tuple[float, ...]
    acc: tuple[float, ...]
    val_loss: tuple[float, ...]
    best_epoch: tuple[int, ...]
    epochs: tuple[int, ...]
    dim: int
    note: str
    seconds: float


def knn_trial(features: PartFeatures, parts: Partition, *, task: Task, device: torch.device) -> BenchmarkTrial:
    """Have the nearest training images vote for each test image, by Euclidean distance, all votes alike.

    Args:
        features: of all parts.
        parts: the labels.
        task: kind of labels, as MedMNIST names it.
        device: to compute distances on; it knows float64.

    Returns:
        The scores of the shares of the votes. The published rows have no AUC.

    Raises:
        DataError: there are fewer training images than votes.
    """
    begin = time.monotonic()
    if len(parts.train) < NEIGHBOURS:
        raise DataError(f"{len(parts.train)} training images: {NEIGHBOURS} nearest neighbours need as many at least")
    labels = torch.from_numpy(parts.train.labels)
    targets = F.one_hot(labels, parts.classes) if labels.ndim == 1 else labels
    shares = vote_shares(features.train.to(device), targets.to(device), features.test.to(device), neighbours=NEIGHBOURS)
    found = evaluate(parts.test.labels, shares.cpu().numpy(), task)
    return BenchmarkTrial(
        auc=(found.auc,),
        acc=(found.acc,),
        val_loss=(nan,),
        best_epoch=(0,),
        epochs=(0,),
        dim=features.train.shape[1],
        note=found.note,
        seconds=time.monotonic() - begin,
    )


def linear_trial(
    features: PartFeatures,
    parts: Partition,
    *,
    task: Task,
    seeds: Sequence[int],
    recipe: LinearRecipe,
    device: torch.device,
    on_epoch: Callable[[int, float], None] = lambda epochs, loss: None,
) -> BenchmarkTrial:
    """Train a linear classifier for every seed, and score its best epoch once on the test part.

    Args:
        features: of all parts.
        parts: the labels.
        task: kind of labels, as MedMNIST names it.
        seeds: one classifier each.
        recipe: how they are trained.
        device: that they are trained on.
        on_epoch: told of the epochs done and of the mean validation loss.

    Raises:
        DivergenceError: a validation loss is not a finite number.
    """
    begin = time.monotonic()
    train, val = (
        LabelledPart(features=own, labels=torch.from_numpy(part.labels))
        for own, part in ((features.train, parts.train), (features.val, parts.val))
    )
    with use_threads(1 if device.type == "cpu" else None):  # steps this small wait for a second core
        found = train_linear(
            train, val, outputs=parts.classes, seeds=seeds, recipe=recipe, device=device, on_epoch=on_epoch
        )
    logits = found.logits(features.test).cpu().double()
    scores = logits.sigmoid() if parts.test.labels.ndim == 2 else logits.softmax(dim=2)
    tested = [evaluate(parts.test.labels, np.asarray(own), task) for own in scores]
    return BenchmarkTrial(
        auc=tuple(one.auc for one in tested),
        acc=tuple(one.acc for one in tested),
        val_loss=found.val_loss,
        best_epoch=found.best_epoch,
        epochs=found.epochs,
        dim=features.train.shape[1],
        note=tested[0].note,
        seconds=time.monotonic() - begin,
    )


def open_trial_cache(report: Path, notify: Callable[[str], None]) -> TrialCache[BenchmarkTrial]:
    """Return the finished trials in a folder of reports.

    Args:
        report: the folder; it need not exist.
        notify: is told of lines that cannot be read.
    """
    return TrialCache(report / FILE, encode=asdict, decode=_decoded, version=VERSION, notify=notify)


def _decoded(record: dict[str, Any]) -> BenchmarkTrial:
    own: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}
    return BenchmarkTrial(**own)

"""The linear probe: logistic regression on frozen features, with its L2 strength chosen by validation AUC.

Covers: targets for each task kind, classes that the training images lack, the choice of l2. Does not cover: solving
(`fastssl.evaluation.solvers.logistic`), splits, few-shot grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fastssl.data.source import Task
from fastssl.evaluation.shared.feature_scaler import FeatureScaler
from fastssl.evaluation.shared.metrics import Metrics, evaluate
from fastssl.evaluation.solvers.logistic import Link, LogisticFit, fit_logistic, probabilities

# On the mean loss, in half decades. Above 0.1 the probabilities shrink towards the classes' shares, and accuracy at
# 0.5 falls to the largest share while AUC may still hold (BreastMNIST at l2 1: AUC 0.66, accuracy 0.731, the share).
L2_GRID = tuple(10.0 ** (exponent / 2) for exponent in range(-10, -1))

_LARGEST_IN_DOUBLE = 1 << 26  # feature values; above half a GiB in float64, solve in float32


@dataclass(frozen=True, kw_only=True)
class LabelledFeatures:
    """Features of images, with their labels.

    Attributes:
        features: float32 `[N, D]`.
        labels: int64 `[N]` class indices, or `[N, L]` zeros and ones.
    """

    features: Tensor
    labels: np.ndarray


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """What a linear probe found.

    Attributes:
        scores: float64 `[M, K]` probabilities of the query.
        l2: as chosen, on the mean loss.
        validation: metrics on the validation part, at that l2.
        notes: what to know of the solution.
    """

    scores: np.ndarray
    l2: float
    validation: Metrics
    notes: tuple[str, ...]


def class_targets(labels: np.ndarray, classes: int) -> Tensor:
    """Return what outputs should be: one-hot rows, or the zeros and ones of multi-label data as they are.

    Args:
        labels: int64 `[N]` class indices, or `[N, K]` zeros and ones.
        classes: K.

    Returns:
        float32 `[N, K]`.
    """
    table = torch.from_numpy(labels)
    return (F.one_hot(table, classes) if table.ndim == 1 else table).float()


def linear_probe(
    train: LabelledFeatures,
    val: LabelledFeatures,
    query: Tensor,
    *,
    task: Task,
    classes: int,
    refit: bool = False,
    l2_grid: tuple[float, ...] = L2_GRID,
    device: torch.device | str = "cpu",
) -> LinearProbe:
    """Solve on training features for every l2 at once, choose one by validation features, score others.

    The choice is by AUC, the lower log loss deciding between equals; where the AUC is undefined, by log loss. Features
    are standardised by the mean and deviation of those solved on.

    Args:
        train: solved on.
        val: chosen by.
        query: float32 `[M, D]`, scored.
        task: one of MedMNIST's task kinds.
        classes: K, the number of classes or labels.
        refit: solve once more at the l2 chosen, on `train` and `val` together.
        l2_grid: the strengths to choose from, on the mean loss.
        device: to solve on.

    Returns:
        Probabilities of the query, and the choice.
    """
    fit = _fit(train, classes, l2_grid, device)
    candidates = fit.scores(val.features)
    found = [evaluate(val.labels, scores, task) for scores in candidates]
    losses = [_log_loss(class_targets(val.labels, classes).numpy(), scores) for scores in candidates]
    ranks = [(0.0 if isnan(metrics.auc) else -metrics.auc, loss) for metrics, loss in zip(found, losses, strict=True)]
    best = min(range(len(l2_grid)), key=ranks.__getitem__)
    notes = list(fit.notes)
    if found[best].note:
        notes.append(f"validation {found[best].note}; l2 chosen by log loss")
    if refit:
        together = LabelledFeatures(
            features=torch.cat([train.features, val.features]), labels=np.concatenate([train.labels, val.labels])
        )
        fit, best_fit = _fit(together, classes, (l2_grid[best],), device), 0
    else:
        best_fit = best
    if not fit.solution.converged[best_fit]:
        notes.append(f"the solver stopped short of convergence at l2 {l2_grid[best]:g}")
    return LinearProbe(scores=fit.scores(query)[best_fit], l2=l2_grid[best], validation=found[best], notes=tuple(notes))


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Solutions on standardised features, for those of the K outputs that vary in training.

    columns: which outputs those are. base: `[K]`, the value of the outputs that do not vary.
    """

    solution: LogisticFit
    scaler: FeatureScaler
    link: Link
    columns: Tensor
    base: Tensor
    notes: tuple[str, ...]

    def scores(self, features: Tensor) -> np.ndarray:
        """`[M, D]` to float64 probabilities `[P, M, K]`."""
        solved = probabilities(self.solution.logits(self.scaler.transform(features)), self.link).double()
        if solved.shape[2] < len(self.columns):  # two classes share one sigmoid
            solved = torch.cat([1 - solved, solved], dim=2)
        scores = self.base.repeat(*solved.shape[:2], 1)
        scores[..., self.columns] = solved
        return scores.cpu().numpy()


def _fit(train: LabelledFeatures, classes: int, l2_grid: tuple[float, ...], device: torch.device | str) -> _Fit:
    dtype = torch.float64 if train.features.numel() <= _LARGEST_IN_DOUBLE else torch.float32
    features = train.features.to(device=device, dtype=dtype)
    scaler = FeatureScaler.fit(features)
    targets = class_targets(train.labels, classes).to(features)
    varying = targets.amin(dim=0) != targets.amax(dim=0)
    columns = varying.nonzero().squeeze(1)
    multi_label = train.labels.ndim == 2
    two_classes = not multi_label and len(columns) == 2
    link: Link = "sigmoid" if multi_label or two_classes else "softmax"
    solution = fit_logistic(
        scaler.transform(features),
        targets[:, columns[1:] if two_classes else columns],
        torch.tensor(l2_grid, device=device),
        link=link,
        dtype=dtype,
    )
    notes: tuple[str, ...] = ()
    if not bool(varying.all()):
        absent = ", ".join(str(column) for column in (~varying).nonzero().squeeze(1).tolist())
        notes = (f"{'label' if multi_label else 'class'} {absent} does not vary in training and cannot be learned",)
    return _Fit(solution=solution, scaler=scaler, link=link, columns=columns, base=targets[0].double(), notes=notes)


def _log_loss(targets: np.ndarray, scores: np.ndarray) -> float:
    """Mean cross-entropy of zeros and ones against probabilities, over every output."""
    scores = np.clip(scores, 1e-12, 1 - 1e-12)
    return float(-np.mean(targets * np.log(scores) + (1 - targets) * np.log(1 - scores)))

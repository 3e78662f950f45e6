"""The few-shot grid: a linear classifier for every encoder, number of shots and seed, solved together.

Covers: standardising, batches of support sets of one size over all encoders and seeds, scores on other images. Does not
cover: the solver (`fastssl.evaluation.solvers.kernel_logistic`), drawing support sets (`support.py`).

Features are standardised by the mean and deviation of the whole pool's, which takes no labels; those of a support set
would be undefined at one shot. Without labels to choose by, the strength of the penalty is fixed: scikit-learn's C = 1,
which is l2 = 1 / N on the mean loss of N images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fastssl.evaluation.shared.feature_scaler import FeatureScaler
from fastssl.evaluation.shared.one_thread import one_thread
from fastssl.evaluation.solvers.kernel_logistic import GramFit, GramProblems, fit_gram
from fastssl.evaluation.solvers.logistic import Link, probabilities

from .support import SupportSets

RTOL = 1e-4
"""Objectives end within about this share of their minima (2.5e-4 at most, PneumoniaMNIST and synthetic features)."""
_TOGETHER = 64  # support sets up to this size share a batch: below it an operation's overhead outweighs padding
_LARGEST_BATCH = {"cuda": 1 << 25, "cpu": 1 << 19}
"""Gram matrix elements: 128 MiB in float32 on a GPU; on a CPU 2 MiB, which stay in a core's cache with what is made of
them (three encoders, 4 classes: 165 ms without a limit, 133 with it)."""


@dataclass(frozen=True, kw_only=True)
class StandardisedFeatures:
    """Features of one encoder, each column with mean 0 and deviation 1 over the pool.

    Attributes:
        pool: float32 `[M, D]`, of the images that support sets are drawn from, on the device solved on.
        query: float32 `[Q, D]`, of the images scored.
    """

    pool: Tensor
    query: Tensor

    @classmethod
    def of(cls, pool: Tensor, query: Tensor, device: torch.device | str = "cpu") -> StandardisedFeatures:
        """Standardise features by mean and deviation of the pool's; columns that do not vary there become 0.

        Args:
            pool: float32 `[M, D]`.
            query: float32 `[Q, D]`.
            device: to solve on.
        """
        pool, query = pool.to(device), query.to(device)
        scaler = FeatureScaler.fit(pool)
        scale = torch.where(
            scaler.varies, 1 / scaler.deviation, 0.0
        )  # `transform` would leave what the query varies by
        return cls(pool=(pool - scaler.mean) * scale, query=(query - scaler.mean) * scale)


@dataclass(frozen=True, kw_only=True)
class Classifiers:
    """The solutions of one encoder and one number of shots, one per seed.

    Attributes:
        weight: float32 `[seeds, K, D]`, on standardised features; K is 1 for two classes, whose sigmoid is of the
            second.
        bias: float32 `[seeds, K]`.
        columns: int64, the classes that the support sets have.
        classes: how many classes there are.
        converged: whether all ended by `RTOL`.
    """

    weight: Tensor
    bias: Tensor
    columns: np.ndarray
    classes: int
    converged: bool

    def scores(self, features: Tensor) -> np.ndarray:
        """Return float64 probabilities `[seeds, Q, classes]`; 0 for a class that the support sets lack.

        Args:
            features: float32 `[Q, D]`, standardised.
        """
        logits = features @ self.weight.mT + self.bias[:, None]
        solved = probabilities(logits.double(), _link(self.columns))
        if len(self.columns) == 2:
            solved = torch.cat([1 - solved, solved], dim=2)
        scores = np.zeros((*solved.shape[:2], self.classes))
        scores[..., self.columns] = solved.cpu().numpy()
        return scores


def solve_grid(
    pools: Sequence[Tensor], supports: Sequence[SupportSets], classes: int, *, l2: float | None = None
) -> list[list[Classifiers]]:
    """Solve a classifier for every encoder, number of shots and seed.

    Args:
        pools: standardised features `[M, D]` of each encoder, the same M rows; D may differ.
        supports: drawn from those rows, all with the same two or more classes.
        classes: how many classes there are; the support sets may have fewer.
        l2: on the mean loss; None for 1 / N, scikit-learn's C = 1.

    Returns:
        `result[encoder][shots]`, in the order of `pools` and `supports`.
    """
    columns = np.unique(supports[0].labels)
    found: dict[int, Classifiers] = {}
    with one_thread():
        blocks = [_Block.of(pool, support) for support in supports for pool in pools]
        for places in _batches(blocks):
            batch = [blocks[place] for place in places]
            fit = fit_gram(_problems(batch, columns, l2), rtol=RTOL)
            first = 0
            for place, block in zip(places, batch, strict=True):
                found[place] = _classifiers(fit, slice(first, first + len(block.rows)), block, columns, classes)
                first += len(block.rows)
    return [[found[place] for place in range(encoder, len(blocks), len(pools))] for encoder in range(len(pools))]


@dataclass(frozen=True, kw_only=True)
class _Block:
    """One encoder's features of the support sets of one number of shots: the problems that differ by seed alone.

    rows: `[seeds, N, D]`, each set's less its mean `[seeds, 1, D]`. labels: `[N]`.
    """

    rows: Tensor
    mean: Tensor
    labels: np.ndarray

    @classmethod
    def of(cls, pool: Tensor, supports: SupportSets) -> _Block:
        chosen = torch.from_numpy(supports.rows).to(pool.device)
        rows = pool.index_select(0, chosen.flatten()).unflatten(0, chosen.shape)  # 7 times as fast as pool[chosen]
        mean = rows.mean(dim=1, keepdim=True)
        return cls(rows=rows.sub_(mean), mean=mean, labels=supports.labels)


def _batches(blocks: list[_Block]) -> Iterator[list[int]]:
    """Places of the blocks that are solved together: those of one size, and all the small ones."""
    groups: dict[int, list[int]] = {}
    for place, block in enumerate(blocks):
        groups.setdefault(max(len(block.labels), _TOGETHER), []).append(place)
    for size, places in groups.items():
        largest = _LARGEST_BATCH.get(blocks[0].rows.device.type, _LARGEST_BATCH["cpu"])
        most = max(1, largest // (size**2 * len(blocks[0].rows)))
        yield from (places[start : start + most] for start in range(0, len(places), most))


def _problems(blocks: list[_Block], columns: np.ndarray, l2: float | None) -> GramProblems:
    """Padded to the largest; two classes share one sigmoid, as in scikit-learn."""
    seeds, size = len(blocks[0].rows), max(len(block.labels) for block in blocks)
    device, link = blocks[0].rows.device, _link(columns)
    outputs = 1 if link == "sigmoid" else len(columns)
    grams = []
    targets = torch.zeros(len(blocks), 1, outputs, size)
    weight = torch.zeros(len(blocks), 1, size)
    strength = torch.empty(len(blocks), 1)
    for index, block in enumerate(blocks):
        own = len(block.labels)
        grams.append(F.pad(block.rows @ block.rows.mT, (0, size - own, 0, size - own)))
        one_hot = F.one_hot(torch.from_numpy(np.searchsorted(columns, block.labels)), len(columns)).mT
        targets[index, :, :, :own] = one_hot[-outputs:]
        weight[index, :, :own] = 1 / own
        strength[index] = 1 / own if l2 is None else l2
    return GramProblems(
        gram=torch.cat(grams),
        targets=targets.to(device).expand(-1, seeds, -1, -1).flatten(0, 1),
        weight=weight.to(device).expand(-1, seeds, -1).flatten(0, 1),
        l2=strength.to(device).expand(-1, seeds).flatten(),
        link=link,
    )


def _classifiers(fit: GramFit, place: slice, block: _Block, columns: np.ndarray, classes: int) -> Classifiers:
    weight = fit.coefficients[place, :, : len(block.labels)] @ block.rows
    bias = fit.bias[place] - (block.mean @ weight.mT).squeeze(1)
    converged = bool(fit.converged[place].all())
    return Classifiers(weight=weight, bias=bias, columns=columns, classes=classes, converged=converged)


def _link(columns: np.ndarray) -> Link:
    return "sigmoid" if len(columns) == 2 else "softmax"

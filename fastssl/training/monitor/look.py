"""One look at an encoder: what is measured, and how it is said.

Covers: embeddings of the watched images, kNN scores, effective rank, alignment, uniformity, collapse. Does not cover:
when (`budget.py`), which images (`images.py`), the measures (`fastssl.embeddings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

import numpy as np
import torch
from torch import Tensor, nn

from fastssl.data import Source
from fastssl.embeddings.collapse import Collapse, collapse_of, spread
from fastssl.embeddings.extract import embed
from fastssl.embeddings.hypersphere import alignment, uniformity
from fastssl.embeddings.knn import default_neighbours, knn_scores
from fastssl.embeddings.rank import rankme
from fastssl.embeddings.scores import accuracy, mean_auc
from fastssl.models.encoder import EncoderSpec
from fastssl.pipelines import Loader, Plain, TwoCrops, View
from fastssl.runtime import Runtime

from .images import SEED, Kind, WatchedImages

BATCH = 128
MOST_RANKED = 1000
"""Embeddings whose rank and distances are measured: the cost grows faster than their number."""
MOST_ALIGNED = 256
"""Images whose two views are compared."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was measured after a step.

    Args:
        step: how many steps were finished.
        score: name of the measure that encoders are compared by: "knn_acc", of multi-label data "knn_auc", without
            labels "rankme".
        values: measure -> value; nan where it has none.
        collapse: the collapse of the features by its name; "" where there is none.
        dim: D, dimensions of an embedding.
    """

    step: int
    score: str
    values: Mapping[str, float]
    collapse: Collapse = ""
    dim: int = 0

    @property
    def value(self) -> float:
        """The measure that encoders are compared by; higher is better."""
        return self.values[self.score]

    def __str__(self) -> str:
        """Such as "kNN 83.1 %" or "rank 47 of 512"."""
        if self.score == "rankme":
            return f"rank {self.value:.0f} of {self.dim}"
        if isnan(self.value):
            return "kNN n/a"
        return f"kNN {self.value:.1%}".replace("%", " %") if self.score == "knn_acc" else f"kNN AUC {self.value:.3f}"


def score_of(kind: Kind, source: Source) -> str:
    """Return the name of the measure that encoders are compared by.

    Args:
        kind: of the monitor.
        source: the data.
    """
    labels = source.splits["train"].labels
    if kind != "knn" or labels is None:
        return "rankme"
    return "knn_auc" if labels.ndim == 2 else "knn_acc"


def look_at(encoder: nn.Module, watched: WatchedImages, spec: EncoderSpec, runtime: Runtime, step: int) -> Look:
    """Measure an encoder.

    Args:
        encoder: on its device; it is left as it is.
        watched: the images.
        spec: how the encoder sees images.
        runtime: device and precision.
        step: how many steps are finished.

    Returns:
        The measures.
    """
    plain = Plain(spec.size, spec.in_channels, spec.channel_mean, spec.channel_std)
    embeddings = _embed(encoder, watched.images, plain, ("image",), runtime)["image"].flatten(1)
    few = embeddings[_evenly(len(embeddings), MOST_RANKED)]
    rank = rankme(few)
    values = {"rankme": rank, "uniformity": uniformity(few) if len(few) > 1 else float("nan"), "spread": spread(few)}
    if watched.targets is None:
        crops = TwoCrops(spec.size, spec.in_channels, spec.channel_mean, spec.channel_std)
        some = watched.images[_evenly(len(watched.images), MOST_ALIGNED)]
        pair = _embed(encoder, some, crops, ("query", "key"), runtime)
        values["alignment"] = alignment(pair["query"].flatten(1), pair["key"].flatten(1))
        score = "rankme"
    else:
        values |= _knn(embeddings, watched, runtime)
        score = "knn_acc" if watched.labels is not None else "knn_auc"
    return Look(step=step, score=score, values=values, collapse=collapse_of(few, rank), dim=embeddings.shape[1])


def _embed(
    encoder: nn.Module, images: np.ndarray, view: View, names: tuple[str, ...], runtime: Runtime
) -> dict[str, Tensor]:
    """Embeddings by a loader of our own, whose random numbers are drawn by counters and not by the run's generators."""
    loader = Loader(
        images,
        view,
        batch_size=min(BATCH, len(images)),
        device=runtime.device,
        executor="torch",
        seed=SEED,
        shuffle=False,
        drop_last=False,
        prefetch=0,
        dtype=runtime.compute_dtype,
    )
    with loader, runtime.autocast():
        return embed(encoder, loader, len(images), names)


def _knn(embeddings: Tensor, watched: WatchedImages, runtime: Runtime) -> dict[str, float]:
    """Scores of the queries by the votes of their neighbours in the bank."""
    targets = np.asarray(watched.targets)
    device = runtime.solver_device
    bank, queries = embeddings.to(device).double().split([watched.bank, len(embeddings) - watched.bank])
    voted = torch.from_numpy(targets[: watched.bank]).to(device)
    neighbours = default_neighbours(watched.bank)
    scores = knn_scores(bank, voted, queries, neighbours=neighbours).cpu().numpy()
    found = {"knn_auc": mean_auc(targets[watched.bank :], scores)}
    if watched.labels is not None:
        found["knn_acc"] = accuracy(watched.labels[watched.bank :], scores)
    return found


def _evenly(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))

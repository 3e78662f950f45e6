"""Batches of features that were extracted once, where a frozen encoder's images would be.

Covers: seeded shuffling, epochs of an exact number of batches, on the device. Does not cover: extracting
(`fastssl.evaluation.shared.extraction`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.random import permutation


class FeatureLoader:
    """Yields {"image": features `[B, D]`, "label", "index"} as `fastssl.pipelines.Loader` would, epoch by epoch.

    Args:
        features: float32 `[N, D]`.
        labels: int64 `[N]` class indices, or `[N, L]` zeros and ones.
        batch_size: rows per batch.
        device: where batches are.
        seed: of the order.
        shuffle: a new order each epoch, and a last, smaller batch left out; otherwise every row comes, in its order.
    """

    def __init__(
        self,
        features: Tensor,
        labels: np.ndarray,
        *,
        batch_size: int,
        device: torch.device,
        seed: int = 0,
        shuffle: bool = True,
    ) -> None:
        self.batch_size = batch_size
        self._features = features.to(device)
        self._labels = torch.from_numpy(labels).to(device)
        self._seed, self._shuffle = seed, shuffle
        self._epoch = self._iteration = 0

    def __len__(self) -> int:
        rows = len(self._features)
        return rows // self.batch_size if self._shuffle else -(-rows // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        if self._iteration == len(self):
            self._epoch, self._iteration = self._epoch + 1, 0
        order = self._order()
        while self._iteration < len(self):
            begin = self._iteration * self.batch_size
            index = order[begin : begin + self.batch_size]
            self._iteration += 1
            yield {"image": self._features[index], "label": self._labels[index], "index": index}

    def state_dict(self) -> dict[str, Any]:
        """The position after the last batch that was handed out."""
        return {"epoch": self._epoch, "iteration": self._iteration}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved position."""
        self._epoch, self._iteration = state["epoch"], state["iteration"]

    def _order(self) -> Tensor:
        rows = len(self._features)
        order = permutation(self._seed, self._epoch, rows) if self._shuffle else np.arange(rows)
        return torch.from_numpy(order).to(self._features.device)

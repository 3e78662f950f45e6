"""Makes one batch from its position: which samples, their parameters, their rendering.

Covers: epoch order and sharding, the work of a prefetching thread, and on a GPU the thread's own stream.
Does not cover: when batches are made (`loader.py`). Holds no reference to the loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.executors.executor import Executor
from fastssl.pipelines.executors.packing import to_device
from fastssl.pipelines.placement import hand_over, rendering_device
from fastssl.pipelines.random import permutation
from fastssl.pipelines.store import ImageStore
from fastssl.pipelines.views.view import Parameters, View


@dataclass(frozen=True, kw_only=True)
class RenderedBatch:
    """A batch and, on a GPU, the event after which it may be read."""

    batch: dict[str, Tensor]
    event: torch.cuda.Event | None


class Share(NamedTuple):
    """Which part of every global batch this process makes: the rank-th of `world_size` consecutive ones."""

    rank: int
    world_size: int


class Producer:
    """Make batches of one rank by position.

    Args:
        images: `[N, H, W, C]` uint8 or uint16.
        labels: `[N]` or `[N, L]`, or None.
        view: what each image becomes.
        executors: one for each of the view's parts.
        device: where batches go.
        layout: the loader's seed, samples, global_batch and shuffle.
        share: of each global batch, that this process makes.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray | None,
        view: View,
        executors: Mapping[View, Executor],
        device: torch.device,
        layout: dict[str, int | bool],
        share: Share,
    ) -> None:
        self._target = device
        device = rendering_device(device)
        self._store = ImageStore(images, device)
        self._shape = images.shape[1:3]
        self._labels = labels
        self._view = view
        self._executors = executors
        self._device = device
        self._layout = layout
        self._share = share
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._order = lru_cache(maxsize=2)(self._epoch_order)  # a prefetched batch may belong to the next epoch

    def indices(self, epoch: int, iteration: int) -> np.ndarray:
        """This rank's samples of a batch: int64 `[B]`."""
        whole = self._layout["global_batch"]
        shared = self._order(epoch)[iteration * whole : (iteration + 1) * whole]
        rank, world_size = self._share
        part = np.array_split(shared, world_size)[rank]
        return part if len(part) else shared[[rank % len(shared)]]

    def produce(self, epoch: int, iteration: int) -> RenderedBatch:
        """Render a batch, on this thread and, on a GPU, on the producer's stream."""
        indices = self.indices(epoch, iteration)
        part = self._view.part_of_batch(self._layout["seed"], epoch, iteration)
        parameters = part.draw(self._layout["seed"], epoch, indices, self._shape)
        if self._stream is None:
            return RenderedBatch(batch=self._render(part, indices, parameters), event=None)
        with torch.cuda.stream(self._stream):
            batch = self._render(part, indices, parameters)
            return RenderedBatch(batch=batch, event=self._stream.record_event())

    def to_current_stream(self, rendered: RenderedBatch) -> dict[str, Tensor]:
        """Give a batch to the calling thread's stream, which waits for it on the device and not on the host.

        To an Apple GPU it is moved here, so that no other thread than the caller's uses one.
        """
        if self._target != self._device:
            return hand_over(rendered.batch, self._target)
        if rendered.event is not None:
            stream = torch.cuda.current_stream(self._device)
            stream.wait_event(rendered.event)
            for tensor in rendered.batch.values():
                tensor.record_stream(stream)
        return rendered.batch

    def _render(self, part: View, indices: np.ndarray, parameters: Parameters) -> dict[str, Tensor]:
        own = {"index": indices}
        if self._labels is not None:
            own["label"] = np.take(self._labels, indices, axis=0)
        arrays, along = to_device(self._device, parameters, own)
        batch = self._executors[part].render(self._store.fetch(indices, along["index"]), parameters, arrays)
        # On a GPU a copy: these few bytes would else keep the whole transfer alive as long as they are held.
        return batch | {name: values.clone() if values.is_cuda else values for name, values in along.items()}

    def _epoch_order(self, epoch: int) -> np.ndarray:
        samples = self._layout["samples"]
        return permutation(self._layout["seed"], epoch, samples) if self._layout["shuffle"] else np.arange(samples)

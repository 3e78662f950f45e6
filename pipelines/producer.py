"""Makes one batch from its position: which samples, their parameters, their rendering.

Covers: epoch order and sharding, the work of a prefetching thread, and on a GPU the thread's own stream.
Does not cover: when batches are made (`loader.py`). Holds no reference to the loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.executors.executor import Executor
from fastssl.pipelines.executors.packing import to_device
from fastssl.pipelines.order import EpochOrder
from fastssl.pipelines.placement import hand_over, rendering_device
from fastssl.pipelines.share import Share
from fastssl.pipelines.store import ImageStore, Stretch
from fastssl.pipelines.streamed import Images
from fastssl.pipelines.views.view import View
from fastssl.pipelines.window_store import WindowStore


@dataclass(frozen=True, kw_only=True)
class RenderedBatch:
    """A batch and, on a GPU, the event after which it may be read."""

    batch: dict[str, Tensor]
    event: torch.cuda.Event | None


class Producer:
    """Make batches of one rank by position.

    Args:
        images: `[N, H, W, C]` uint8 or uint16, an array or streamed.
        labels: `[N]` or `[N, L]`, or None.
        view: what each image becomes.
        executors: one for each of the view's parts.
        device: where batches go.
        layout: the loader's seed, samples and global_batch.
        share: of each global batch, that this process makes.
        order: of each epoch's samples; a windowed one where the images are read in windows.
        windows: reads them; None where they are in memory.
    """

    def __init__(
        self,
        images: Images,
        labels: np.ndarray | None,
        view: View,
        executors: Mapping[View, Executor],
        device: torch.device,
        layout: dict[str, int | bool],
        share: Share,
        order: EpochOrder,
        windows: WindowStore | None,
    ) -> None:
        self._target = device
        device = rendering_device(device)
        self._store = ImageStore(images, device, windows)
        self._shape = (images.shape[1], images.shape[2])
        self._labels = labels
        self._view = view
        self._executors = executors
        self._device = device
        self._layout = layout
        self._share = share
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._order = order

    def stretch(self, epoch: int, iteration: int) -> Stretch:
        """This rank's positions of a batch."""
        whole = self._layout["global_batch"]
        first = iteration * whole
        return Stretch(epoch, *self._share.part(first, min(first + whole, self._layout["samples"])))

    def produce(self, epoch: int, iteration: int) -> RenderedBatch:
        """Render a batch, on this thread and, on a GPU, on the producer's stream."""
        stretch = self.stretch(epoch, iteration)
        part = self._view.part_of_batch(self._layout["seed"], epoch, iteration)
        if self._stream is None:
            return RenderedBatch(batch=self._render(part, stretch), event=None)
        with torch.cuda.stream(self._stream):
            batch = self._render(part, stretch)
            return RenderedBatch(batch=batch, event=self._stream.record_event())

    def close(self) -> None:
        """Stop reading images."""
        self._store.close()

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

    def _render(self, part: View, stretch: Stretch) -> dict[str, Tensor]:
        indices = self._order.samples(*stretch)
        parameters = part.draw(self._layout["seed"], stretch.epoch, indices, self._shape)
        own = {"index": indices}
        if self._labels is not None:
            own["label"] = np.take(self._labels, indices, axis=0)
        arrays, along = to_device(self._device, parameters, own)
        images = self._store.fetch(stretch, indices, along["index"])
        batch = self._executors[part].render(images, parameters, arrays)
        # On a GPU a copy: these few bytes would else keep the whole transfer alive as long as they are held.
        return batch | {name: values.clone() if values.is_cuda else values for name, values in along.items()}

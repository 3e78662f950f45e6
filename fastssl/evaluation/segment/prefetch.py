"""Batches that are made before they are needed, by one thread and, on a GPU, on a stream of its own.

Covers: batches by position, in order, from any place. Does not cover: how one is made (`producer.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from .producer import PatchPosition

PatchBatch = dict[str, Tensor]


class BatchPrefetcher:
    """Has a few batches made before they are asked for.

    Args:
        make: makes the batch at a position.
        length: batches per epoch.
        depth: how many batches are made ahead; 0: each is made when it is asked for, by the caller.
        device: where batches lie.
    """

    def __init__(
        self, make: Callable[[PatchPosition], PatchBatch], length: int, depth: int, device: torch.device
    ) -> None:
        self._make, self._length, self._depth, self._device = make, length, depth, device
        self._stream = torch.cuda.Stream(device) if depth and device.type == "cuda" else None
        self._pool: ThreadPoolExecutor | None = None  # its thread starts with the first batch
        self._pending: deque[tuple[PatchPosition, Future[tuple[PatchBatch, torch.cuda.Event | None]]]] = deque()

    def take(self, position: PatchPosition) -> PatchBatch:
        """Return the batch at `position`, for the calling thread's stream."""
        if not self._depth:
            return self._make(position)
        if self._pending and self._pending[0][0] != position:
            self._pending.clear()
        self._fill(position)
        _, future = self._pending.popleft()
        batch, event = future.result()
        self._fill(position.following(self._length))
        if event is not None:
            stream = torch.cuda.current_stream(self._device)
            stream.wait_event(event)
            for tensor in batch.values():
                tensor.record_stream(stream)
        return batch

    def _fill(self, position: PatchPosition) -> None:
        """Have `depth` batches in preparation, from `position` on where none is yet."""
        self._pool = self._pool or ThreadPoolExecutor(1, "fastssl-patches")
        while len(self._pending) < self._depth:
            new = self._pending[-1][0].following(self._length) if self._pending else position
            self._pending.append((new, self._pool.submit(_made, self._make, new, self._stream)))


def _made(
    make: Callable[[PatchPosition], PatchBatch], position: PatchPosition, stream: torch.cuda.Stream | None
) -> tuple[PatchBatch, torch.cuda.Event | None]:
    """A batch and, on a GPU, the event after which it may be read."""
    if stream is None:
        return make(position), None
    with torch.cuda.stream(stream):
        batch = make(position)
        return batch, stream.record_event()

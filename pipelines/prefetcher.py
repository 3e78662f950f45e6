"""Batches made before they are asked for, by threads of the process that asks.

Covers: which positions are under way, the threads. Does not cover: what is at a position (`producer.py`), where the
loader stands (`loader.py`). Holds no reference to the loader, so that dropping the loader ends the threads.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Barrier
from typing import NamedTuple

import torch
from torch import Tensor

from fastssl.pipelines.producer import Producer, RenderedBatch


class Position(NamedTuple):
    """Which batch: the iteration-th of an epoch."""

    epoch: int
    iteration: int


class Prefetcher:
    """Make batches by position, a few ahead of the one that is asked for.

    Args:
        producer: makes a batch.
        length: batches per epoch.
        depth: batches that are made ahead; 0: each is made by the thread that asks for it.
        parallel: several threads may make batches at once.
    """

    def __init__(self, producer: Producer, length: int, depth: int, *, parallel: bool) -> None:
        self.process = os.getpid()
        self._producer, self._length, self._depth = producer, length, depth
        self._pending: deque[tuple[Position, Future[RenderedBatch]]] = deque()
        workers = min(depth, os.cpu_count() or 1 if parallel else 1)
        self._pool = _thread_pool(workers) if workers else None

    def take(self, position: Position) -> dict[str, Tensor]:
        """Return the batch at a position, for the calling thread's stream."""
        if self._pool is None:
            return self._producer.to_current_stream(self._producer.produce(*position))
        if self._pending and self._pending[0][0] != position:
            self._discard()
        self.fill(position)
        _, future = self._pending.popleft()
        return self._producer.to_current_stream(future.result())

    def fill(self, position: Position) -> None:
        """Have batches under way from a position on where none are, across the end of an epoch."""
        if self._pool is None:
            return
        while len(self._pending) < self._depth:
            if self._pending:
                last = self._pending[-1][0]
                position = last._replace(iteration=last.iteration + 1)
            if position.iteration == self._length:
                position = Position(position.epoch + 1, 0)
            self._pending.append((position, self._pool.submit(self._producer.produce, *position)))

    def close(self) -> None:
        """Drop what was made ahead, and end the threads; in a process that was forked there are none."""
        self._pending.clear()
        if self.process != os.getpid():
            return
        self._producer.close()  # first: a thread may wait for what is read
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _discard(self) -> None:
        for _, future in self._pending:
            future.cancel()
        self._pending.clear()


def _thread_pool(workers: int) -> ThreadPoolExecutor:
    """Threads that run torch on one core each."""
    own = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "fastssl-loader", initializer=torch.set_num_threads, initargs=(1,))
    started = Barrier(workers)
    wait([pool.submit(started.wait) for _ in range(workers)])
    torch.set_num_threads(own)  # a worker's setting is also what threads started later would get
    return pool

"""Images that are read from elsewhere, a window at a time, ahead of the batches.

Covers: two windows in memory, one in use and the next, which a thread reads; of several ranks each keeps its own
images only. Does not cover: which samples a window has (`order.py`), reading a part (`streamed.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np

from fastssl.pipelines.order import WindowedOrder
from fastssl.pipelines.share import Share
from fastssl.pipelines.streamed import StreamedImages

KEPT = 2
SCATTERED_BYTES = 1 << 14
"""Bytes of an image from which on it is read alone; smaller ones are read with their whole block."""


@dataclass(frozen=True, kw_only=True)
class HeldWindow:
    """The images of a window that this rank needs.

    Args:
        positions: int64 `[n]`, ascending, of these images in the epoch.
        images: `[n, H, W, C]`, by position.
    """

    positions: np.ndarray
    images: np.ndarray

    def part(self, start: int, stop: int) -> np.ndarray:
        """Those at the positions from `start` up to `stop`."""
        first, last = np.searchsorted(self.positions, [start, stop])
        return self.images[first:last]


class WindowStore:
    """Keep two windows of images in memory.

    Args:
        images: that are read.
        order: of the samples.
        share: which of them this rank needs.
        global_batch: samples of a batch of all ranks.
        in_flight: batches that are made at once: a window is kept until so many of the next one were asked for.
    """

    def __init__(
        self, images: StreamedImages, order: WindowedOrder, share: Share, global_batch: int, in_flight: int
    ) -> None:
        self._images, self._order, self._share = images, order, share
        self._global_batch, self._slack = global_batch, (in_flight + 1) * global_batch
        self._held: OrderedDict[tuple[int, int], Future[HeldWindow]] = OrderedDict()
        self._lock, self._closed = Lock(), False
        self._pool = ThreadPoolExecutor(1, "fastssl-loader-window")

    def fetch(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """Return this rank's images at the positions from `start` up to `stop`, `[stop - start, H, W, C]`, as a copy.

        Raises:
            OSError: they cannot be read; or what else the images raise.
        """
        numbers = self._order.numbers(epoch, start, stop)
        parts = [self._window(epoch, number).result().part(start, stop) for number in numbers]
        self._read_ahead(epoch, numbers[-1], start)
        return np.concatenate(parts)

    def close(self) -> None:
        """Stop reading, and drop what was read."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._held.clear()

    def _read_ahead(self, epoch: int, number: int, position: int) -> None:
        """Begin with the next window once no batch that is under way can need the one before."""
        window = self._order.window(epoch, number)
        if position - window.start >= min(self._slack, len(window.samples) // 4):
            following = (epoch, number + 1) if number + 1 < self._order.windows else (epoch + 1, 0)
            self._window(*following)

    def _window(self, epoch: int, number: int) -> Future[HeldWindow]:
        with self._lock:
            key = (epoch, number)
            if key not in self._held:
                while len(self._held) >= KEPT:
                    self._held.popitem(last=False)
                self._held[key] = self._pool.submit(self._read, epoch, number)
            return self._held[key]

    def _read(self, epoch: int, number: int) -> HeldWindow:
        """Read a window block by block, and put each image where its position is."""
        window = self._order.window(epoch, number)
        samples = len(self._images)
        positions = self._share.positions(window.start, window.stop, self._global_batch, samples)
        wanted = window.samples[positions - window.start]
        places = np.argsort(wanted, kind="stable")
        wanted = wanted[places]
        images = np.empty((len(wanted), *self._images.shape[1:]), self._images.dtype)
        firsts = np.flatnonzero(np.diff(wanted // self._order.block, prepend=-1))
        for first, last in zip(firsts, [*firsts[1:], len(wanted)], strict=True):
            if self._closed:
                raise CancelledError
            images[places[first:last]] = self._read_rows(wanted[first:last])
        return HeldWindow(positions=positions, images=images)

    def _read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Of one block the images of these numbers, ascending."""
        start, stop = int(rows[0]), int(rows[-1]) + 1
        if len(rows) < stop - start and self._images.nbytes // len(self._images) >= SCATTERED_BYTES:
            return self._images.take(rows)
        read = self._images.read(start, stop)
        return read if len(read) == len(rows) else read[rows - start]

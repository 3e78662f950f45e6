"""The loader: rendered batches of a data set, made ahead of time, for any trainer.

Covers: epochs of an exact number of batches, sharding over ranks, resuming at any batch, copies and other processes.
Does not cover: what a batch holds (`views`), how it is rendered (`executors`), making batches ahead (`prefetcher.py`).

A batch is a pure function of its position (epoch, iteration), so the loader's whole state is one position, and what was
prefetched but not handed out never matters. Threads and streams are made with the first batch, in the process that asks
for it: a loader can be copied, pickled and taken along by a fork.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.checks import check_images, check_labels, check_numbers
from fastssl.pipelines.executors.executor import ExecutorName, choose, create
from fastssl.pipelines.order import EpochOrder, WholeOrder, WindowedOrder
from fastssl.pipelines.placement import rendering_device
from fastssl.pipelines.prefetcher import Position, Prefetcher
from fastssl.pipelines.producer import Producer
from fastssl.pipelines.share import Share
from fastssl.pipelines.streamed import Images, block_images, unshuffled_window, window_images
from fastssl.pipelines.views.view import View
from fastssl.pipelines.window_store import WindowStore


class Loader:
    """Make batches of a view ahead of time, as `dict[str, Tensor]` on the device.

    Iterating yields what is left of the current epoch and then moves to the next; breaking off and iterating again goes
    on where it stopped. Images in a batch are `[B, C, S, S]`, normalised, channels-last. Every batch also holds "index"
    (int64 `[B]`, which samples) and, given labels, "label". `executor` and `reason` say which executor renders, and
    why.

    A copy (`copy.copy`, `copy.deepcopy`, `pickle`) is a loader of its own at the same position; copies in one process
    share the images. In a process that was forked the loader starts threads of its own; only on a GPU, which no forked
    process may use, it raises RuntimeError.

    Args:
        images: `[N, H, W, C]` uint8 or uint16, C in 1, 3, 4, of the view's channels; in memory or memory-mapped,
            or `StreamedImages` such as `fastssl.data.ShardedImages`, of which two windows are in memory.
        views: what each image becomes.
        batch_size: images per batch and rank.
        device: where batches go ("cpu", "cuda", "cuda:1"; "mps": rendered on the CPU and moved, row-major, not yet
            run).
        executor: "torch", "dali", or "auto" to choose by device.
        seed: of all random numbers, at least 0; batches of equal seeds are equal whatever the prefetch, threads or
            number of ranks.
        shuffle: whether each epoch has a new order.
        shuffle_window: images that are shuffled with each other, of blocks of 1 MiB from all over the data; None: all
            of an array, and 128 MiB of streamed images.
        drop_last: whether a last, smaller batch is left out.
        labels: `[N]` or `[N, L]`, handed out with their images as "label"; None for none.
        rank: number of this process among those sharing each global batch of `batch_size * world_size` images.
        world_size: number of those processes. Each rank gets consecutive images of every global batch, and the same
            number of batches (should a last global batch have fewer images than ranks, some are given twice).
        prefetch: batches made ahead, by threads; 0: each is made when asked for, by the caller's thread.
        dtype: of the images in a batch.

    Raises:
        TypeError: images are neither a NumPy array nor streamed.
        ValueError: an argument cannot be used, or DALI is asked for and not installed; before any thread or pipeline
            exists.
    """

    def __init__(
        self,
        images: Images,
        views: View,
        *,
        batch_size: int,
        device: str | torch.device = "cpu",
        executor: ExecutorName = "auto",
        seed: int = 0,
        shuffle: bool = True,
        shuffle_window: int | None = None,
        drop_last: bool = True,
        labels: np.ndarray | None = None,
        rank: int = 0,
        world_size: int = 1,
        prefetch: int = 2,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        check_images(images, views)
        check_numbers(len(images), batch_size, seed, rank, world_size, prefetch, drop_last, shuffle_window)
        if labels is not None:
            check_labels(labels, len(images))
        device = torch.device(device)
        chosen = choose(executor, device)
        self.executor, self.reason = chosen.name, chosen.reason
        self.batch_size = batch_size
        self._identity = {
            "seed": seed,
            "samples": len(images),
            "global_batch": batch_size * world_size,
            "shuffle": shuffle,
            "drop_last": drop_last,
        }
        self.shuffle_window = window_images(images, shuffle=shuffle, asked=shuffle_window)
        if self.shuffle_window is not None:
            self._identity["shuffle_window"] = self.shuffle_window
        whole, rest = divmod(len(images), batch_size * world_size)
        self._length = whole + (0 if drop_last or rest == 0 else 1)
        self._images, self._labels, self._view = images, labels, views
        self._device, self._dtype, self._prefetch = device, dtype, prefetch
        self._share = Share(rank, world_size)
        self._position = Position(0, 0)
        self._batches: Prefetcher | None = None
        self._closed = False

    def __len__(self) -> int:
        """Return the number of batches per epoch, the same on every rank."""
        return self._length

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield what is left of the current epoch, and move to the next."""
        self._position = self._canonical(self._position)
        epoch = self._position.epoch
        while self._position.epoch == epoch and self._position.iteration < self._length:
            yield self._take()
        if self._position.epoch == epoch:
            self._position = self._canonical(self._position)

    def __getitem__(self, index: object) -> NoReturn:
        """Refuse single samples, which torch's `DataLoader` asks a data set for.

        Args:
            index: of a sample.

        Raises:
            TypeError: always, in one line that says what to do.
        """
        raise TypeError("a Loader is a data loader already: iterate it itself, not a torch DataLoader of it")

    @property
    def shuffling(self) -> str:
        """How images are shuffled, in one line for a person; "" where it is all with all, or not at all."""
        if self.shuffle_window is None:
            return ""
        count = self._identity["samples"]
        return f"shuffled within windows of {self.shuffle_window:,} of {count:,} images, of blocks from all over them"

    @property
    def epoch(self) -> int:
        """The epoch that is being iterated, or that the next iteration will yield."""
        return self._position.epoch

    def set_epoch(self, epoch: int) -> None:
        """Move to the start of an epoch; naming the current epoch leaves the place in it as it is.

        Args:
            epoch: counted from 0.

        Raises:
            ValueError: the epoch is negative.
        """
        if epoch < 0:
            raise ValueError(f"epoch must not be negative, got {epoch}")
        if epoch != self._canonical(self._position).epoch:
            self._position = Position(epoch, 0)

    def state_dict(self) -> dict[str, int | bool]:
        """Return the position after the last batch that was handed out, and what that position depends on.

        Returns:
            `epoch` and `iteration`, counted from 0, and the loader's seed, samples, global_batch (of all ranks),
            shuffle, drop_last and, where it shuffles within windows, shuffle_window.
        """
        return {**self._canonical(self._position)._asdict(), **self._identity}

    def load_state_dict(self, state: dict[str, int | bool]) -> None:
        """Go on from a saved position; the number of ranks may have changed, if each batch of all together has not.

        Args:
            state: what `state_dict` returned.

        Raises:
            ValueError: it was saved by a loader that cuts epochs differently, or names no batch of an epoch.
        """
        if "world_size" in state:  # as fastssl 0.1 wrote it
            state = {**state, "global_batch": state["batch_size"] * state["world_size"]}
        own = {"shuffle_window": None, **self._identity}  # states of whole shuffles, older ones too, do not name it
        differing = [
            f"{name} was {state.get(name)}, is {value}" for name, value in own.items() if state.get(name) != value
        ]
        if differing:
            raise ValueError(f"the loader's state belongs to another loader: {'; '.join(differing)}")
        if state["epoch"] < 0 or not 0 <= state["iteration"] <= self._length:
            raise ValueError(f"no batch {state['iteration']} of epoch {state['epoch']}: an epoch has {self._length}")
        self._position = self._canonical(Position(state["epoch"], state["iteration"]))

    def close(self) -> None:
        """Stop the threads and drop what was prefetched.

        Harmless when repeated. A closed loader raises RuntimeError when it is asked for a batch.
        """
        self._closed = True
        if self._batches is not None:
            self._batches.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_batches": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> Loader:
        same = Loader.__new__(Loader)
        same.__dict__.update(self.__getstate__())  # images are read and never written: one array serves all copies
        memo[id(self)] = same
        return same

    def _canonical(self, position: Position) -> Position:
        """The same place, named as the start of the next epoch if it is the end of one."""
        return Position(position.epoch + 1, 0) if position.iteration == self._length else position

    def _take(self) -> dict[str, Tensor]:
        """The batch at the current position; moves on once it has been made."""
        if self._closed:
            raise RuntimeError("the loader is closed")
        batch = self._made_here().take(self._position)
        self._position = self._position._replace(iteration=self._position.iteration + 1)
        self._made_here().fill(self._position)
        return batch

    def _made_here(self) -> Prefetcher:
        """What makes the batches, of this process: a fork takes along neither threads nor streams."""
        if self._batches is None or self._batches.process != os.getpid():
            if self._batches is not None and self._device.type == "cuda":
                raise RuntimeError(
                    "the loader made batches on a GPU before this process was forked from another one, and a forked "
                    "process cannot use the GPU: start processes by spawn, or make the loader in each of them"
                )
            self._batches = self._prefetcher()
        return self._batches

    def _prefetcher(self) -> Prefetcher:
        rendering = rendering_device(self._device)
        executors = {
            part: create(self.executor, part, rendering, self._dtype, self.batch_size) for part in self._view.parts
        }
        order, windows = self._reading()
        producer = Producer(
            self._images, self._labels, self._view, executors, self._device, self._identity, self._share, order, windows
        )
        parallel = all(executor.parallel for executor in executors.values())
        return Prefetcher(producer, self._length, self._prefetch, parallel=parallel)

    def _reading(self) -> tuple[EpochOrder, WindowStore | None]:
        """The order of the samples, and what reads streamed images in it, unless they fit into one window."""
        seed, count, shuffle = (self._identity[name] for name in ("seed", "samples", "shuffle"))
        streamed = None if isinstance(self._images, np.ndarray) else self._images
        window = self.shuffle_window
        if window is None and streamed is not None and not shuffle and unshuffled_window(streamed) < count:
            window = unshuffled_window(streamed)
        if window is None:
            return WholeOrder(seed, count, shuffle=bool(shuffle)), None
        order = WindowedOrder(seed, count, window=window, block=block_images(self._images), shuffle=bool(shuffle))
        if streamed is None:
            return order, None
        return order, WindowStore(streamed, order, self._share, self._identity["global_batch"], self._prefetch)

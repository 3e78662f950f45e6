"""Which part of every global batch a process makes.

Covers: the consecutive positions of one rank. Does not cover: the samples at these positions (`order.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Share(NamedTuple):
    """Which part of every global batch this process makes: the rank-th of `world_size` consecutive ones."""

    rank: int
    world_size: int

    def part(self, start: int, stop: int) -> tuple[int, int]:
        """Find this rank's part of a batch.

        Args:
            start: position of the batch's first sample.
            stop: the position after its last one.

        Returns:
            The same of the part. Parts differ in length by one at most; of a batch that has fewer samples than there
            are ranks, a rank without any gets one that another has as well.
        """
        each, more = divmod(stop - start, self.world_size)
        first = start + self.rank * each + min(self.rank, more)
        count = each + (self.rank < more)
        return (first, first + count) if count else (start + self.rank % more, start + self.rank % more + 1)

    def positions(self, start: int, stop: int, global_batch: int, samples: int) -> np.ndarray:
        """Find this rank's positions in a stretch of an epoch.

        Args:
            start: the first position.
            stop: the one after the last.
            global_batch: samples of a batch of all ranks.
            samples: of an epoch.

        Returns:
            Int64, ascending, each once.
        """
        if self.world_size == 1:
            return np.arange(start, stop)
        batches = range(start // global_batch * global_batch, stop, global_batch)
        parts = (self.part(first, min(first + global_batch, samples)) for first in batches)
        return np.concatenate([np.arange(max(first, start), min(last, stop)) for first, last in parts])

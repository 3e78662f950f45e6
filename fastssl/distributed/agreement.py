"""Decisions that all processes take at the same step: to stop, to save.

Covers: bringing together what each process wishes, without making a step wait. Does not cover: the wishes
(`fastssl.training.engine`).
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from fastssl.distributed.world import world

LAG = 2
"""Steps from a wish to its decision: by then the exchange has arrived, and nobody waits for it."""


class Decision(NamedTuple):
    """What all processes do now.

    Args:
        save: take a checkpoint.
        signal: number of the signal by which to stop; 0: go on.
    """

    save: bool = False
    signal: int = 0


class Agreement:
    """Collects wishes step by step; where there is one process, each is granted at once."""

    def __init__(self) -> None:
        self._under_way: deque[tuple[Any, Tensor]] = deque()
        # A group of its own, so that its exchanges never come between those of a step.
        self._group: Any = distributed.new_group(backend="gloo") if world().size > 1 else None

    def next(self, *, save: bool, signal: int) -> Decision:
        """Tell what this process wishes at this step, and learn what is decided.

        Args:
            save: it wishes to save; the wish of rank 0 counts.
            signal: number of a signal that it was sent; 0: none. Any process's counts.

        Returns:
            The decision of `LAG` steps ago, equal on every process; nothing to do in the first steps.
        """
        if self._group is None:
            return Decision(save, signal)
        wish = torch.tensor([int(save and world().leads), signal])
        work = distributed.all_reduce(wish, op=distributed.ReduceOp.MAX, group=self._group, async_op=True)
        self._under_way.append((work, wish))
        return self._oldest() if len(self._under_way) > LAG else Decision()

    def last(self, *, signal: int) -> Decision:
        """Tell a last wish, and wait for what is still under way.

        Args:
            signal: as of `next`.

        Returns:
            The decisions of the last steps in one.
        """
        decided = [self.next(save=False, signal=signal)]
        decided += [self._oldest() for _ in range(len(self._under_way))]
        return Decision(any(one.save for one in decided), max(one.signal for one in decided))

    def _oldest(self) -> Decision:
        work, wish = self._under_way.popleft()
        work.wait()
        save, signal = wish.tolist()
        return Decision(bool(save), signal)

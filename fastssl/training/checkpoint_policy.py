"""When checkpoints are written, where they go, and what must still hold when one is resumed.

Covers: this as one record. Does not cover: writing them (`checkpoint_writer.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEEP = 2
CHECKPOINT_SECONDS = 60.0
LARGEST_SHARE = 0.01
"""Of the time of training, for its checkpoints: where they cost more than that, they come less often."""


@dataclass(frozen=True, kw_only=True)
class CheckpointPolicy:
    """Where checkpoints go, how often, and what must still be the same when one is resumed.

    Args:
        folder: of the run's checkpoints.
        every_steps: steps from one to the next; None: by time.
        every_seconds: seconds from one to the next at least, where that is by time.
        keep: sound ones to keep, the newest.
        identity: what the run is made of, such as {"images": a fingerprint}; stored with every checkpoint.
        former_identity: the same in the words of older versions, whose checkpoints are compared with these.
    """

    folder: Path
    every_steps: int | None = None
    every_seconds: float = CHECKPOINT_SECONDS
    keep: int = KEEP
    identity: Mapping[str, Any] = field(default_factory=dict)
    former_identity: Mapping[str, Any] = field(default_factory=dict)

    def is_due(self, step: int, seconds: float, cost: float) -> bool:
        """Tell whether the next checkpoint is to be written.

        Args:
            step: how many steps are finished.
            seconds: since the last checkpoint.
            cost: seconds that the last one took from the steps.

        Returns:
            Whether it is.
        """
        if self.every_steps is not None:
            return step % self.every_steps == 0
        return seconds >= self.seconds_between(cost)

    def seconds_between(self, cost: float) -> float:
        """Choose the time from one checkpoint to the next, where that is by time.

        Args:
            cost: seconds that one takes from the steps.

        Returns:
            Seconds.
        """
        return max(self.every_seconds, cost / LARGEST_SHARE)

    def count(self, steps: int, seconds: float, cost: float) -> int:
        """Count the checkpoints of a whole run.

        Args:
            steps: of the run.
            seconds: that its steps take.
            cost: seconds that one checkpoint takes from them.

        Returns:
            How many: one before the first step, one after the last, and those between.
        """
        between = (steps - 1) // self.every_steps if self.every_steps else int(seconds / self.seconds_between(cost))
        return 2 + between

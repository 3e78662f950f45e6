"""When an encoder is looked at, so that looking costs no more than its share of the time.

Covers: whether the next look is due, how many images it may take. Does not cover: looking.
"""

from __future__ import annotations

from dataclasses import dataclass

SECONDS_APART = 20.0
"""From one look to the next at least: more would say nothing new, and costs a line each."""
LOOKS_WANTED = 10
"""That a run gets, where its share pays for so many of the fewest images."""
FEWEST, MOST = 300, 3000
"""Images of a look."""
PASSES_PER_STEP = 3.0
"""What a training step does to an image at least, in passes of the encoder: forward, and backward twice that."""
SETUP_SECONDS = 0.5
"""Of the first look, besides the encoder's passes: reading images, opening a loader, the rank of 1000 embeddings."""


@dataclass(kw_only=True)
class Budget:
    """Seconds that looks may take.

    Args:
        share: of the time since the run began, 0 to 1.
        spent: seconds that looks have taken.
        last: seconds since the beginning at which the last look ended; None before the first one.
        cost: seconds that a look takes, as the last one did; None before the first one.
    """

    share: float
    spent: float = 0.0
    last: float | None = None
    cost: float | None = None

    def is_due(self, elapsed: float, predicted: float) -> bool:
        """Tell whether the next look is due.

        Args:
            elapsed: seconds since the run began.
            predicted: what the first look is expected to take, in seconds.

        Returns:
            Whether it is: at `SECONDS_APART`, and with it the share is not exceeded.
        """
        if self.last is not None and elapsed - self.last < SECONDS_APART:
            return False
        return self.pays_for(elapsed, predicted)

    def pays_for(self, elapsed: float, predicted: float) -> bool:
        """Tell whether another look stays within the share.

        Args:
            elapsed: seconds since the run began.
            predicted: what the first look is expected to take, in seconds.
        """
        return self.spent + (predicted if self.cost is None else self.cost) <= self.share * elapsed

    def add(self, elapsed: float, seconds: float) -> None:
        """Count a look.

        Args:
            elapsed: seconds since the run began, at its end.
            seconds: that it took.
        """
        self.spent += seconds
        self.last = elapsed
        self.cost = seconds


def images_per_look(share: float, run_seconds: float, image_seconds: float) -> int:
    """Choose how many images a look takes: as many as leave the run `LOOKS_WANTED` looks.

    Args:
        share: of the time that looks may take.
        run_seconds: that the run will take.
        image_seconds: that a look takes for an image.

    Returns:
        `FEWEST` to `MOST`.
    """
    return int(min(MOST, max(FEWEST, share * run_seconds / LOOKS_WANTED / image_seconds)))

"""When to stop a training, and which epoch's weights to keep.

Covers: the first epoch with the highest validation score, the number of epochs to wait for a better one, loading that
epoch's weights. Does not cover: the score (each evaluation defines its own), test images, which have no say.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

Score = tuple[float, ...]
"""A validation score; higher is better. The numbers after the first decide between epochs that are equal in it."""


class EarlyStopping:
    """Watches the validation scores of one training, epoch by epoch.

    The best epoch is the first one with the highest score.

    Args:
        patience: epochs without a better score after which `exhausted` is True; 1 or more.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._best: Score | None = None
        self.epoch = 0
        self.best_epoch = 0

    def improved(self, score: Score) -> bool:
        """Take note of the next epoch's score.

        Args:
            score: as many numbers at every call, none of them nan.

        Returns:
            Whether it is the best so far; an equal one is not.
        """
        self.epoch += 1
        if self._best is not None and score <= self._best:
            return False
        self._best, self.best_epoch = score, self.epoch
        return True

    @property
    def exhausted(self) -> bool:
        """Whether `patience` epochs have passed without a better score."""
        return self.epoch - self.best_epoch >= self._patience


def train_to_best_epoch(
    module: nn.Module, train_epoch: Callable[[], Score], *, epochs: int, patience: int
) -> EarlyStopping:
    """Train epoch by epoch and leave `module` with the weights of its best epoch.

    Args:
        module: what is trained; its state (weights and buffers) is copied after every epoch that is the best so far.
        train_epoch: trains one epoch in place, and returns the validation score after it.
        epochs: how many at most; 1 or more.
        patience: as for `EarlyStopping`.

    Returns:
        The counts: `epoch` trained in all, `best_epoch` among them, both from 1.
    """
    stopping = EarlyStopping(patience)
    weights: dict[str, Tensor] = {}
    while stopping.epoch < epochs and not stopping.exhausted:
        if stopping.improved(train_epoch()):
            weights = {name: value.clone() for name, value in module.state_dict().items()}
    module.load_state_dict(weights)
    return stopping

"""Which epoch was the best, and when to stop looking for a better one.

Covers: MedMNIST's rule, the epoch with the highest validation AUC. Does not cover: test images, which have no say.
"""

from __future__ import annotations

from math import isnan

from .scoring import Scores


class EarlyStopping:
    """Watches the validation scores of one trial, epoch by epoch.

    The best epoch is the first with the highest AUC, or, where AUC is undefined, with the lowest log loss.

    patience: epochs without a better one after which `exhausted` is True.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._best = -float("inf")
        self.best_epoch = 0
        self.epoch = 0

    def better(self, validation: Scores) -> bool:
        """Take note of the next epoch's scores; whether they are the best so far."""
        self.epoch += 1
        value = -validation.loss if isnan(validation.auc) else validation.auc
        if value <= self._best:
            return False
        self._best, self.best_epoch = value, self.epoch
        return True

    @property
    def exhausted(self) -> bool:
        """Whether `patience` epochs have gone by without a better one."""
        return self.epoch - self.best_epoch >= self._patience

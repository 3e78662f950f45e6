"""The best epoch, on scripted validation scores."""

from __future__ import annotations

from math import nan

import pytest

from fastssl.evaluation.finetune.early_stopping import EarlyStopping
from fastssl.evaluation.finetune.scoring import Scores


def watched(patience: int, auc: list[float], loss: list[float] | None = None) -> EarlyStopping:
    """What is known once it is exhausted, or the script is over."""
    watch = EarlyStopping(patience)
    for value, cost in zip(auc, loss or [1.0] * len(auc), strict=True):
        watch.better(Scores(value, 0.5, cost))
        if watch.exhausted:
            break
    return watch


@pytest.mark.parametrize(
    ("patience", "auc", "best", "stopped"),
    [
        (3, [0.5, 0.7, 0.6, 0.6, 0.65, 0.9], 2, 5),  # the 0.9 comes too late
        (4, [0.5, 0.7, 0.6, 0.6, 0.65, 0.9], 6, 6),
        (2, [0.8, 0.8, 0.8, 0.9], 1, 3),  # an equal one is not a better one
        (2, [0.1, 0.2, 0.3, 0.4], 4, 4),
        (1, [0.4, 0.3, 0.9], 1, 2),
    ],
)
def test_it_stops_after_patience_epochs_without_a_better_auc(
    patience: int, auc: list[float], best: int, stopped: int
) -> None:
    watch = watched(patience, auc)
    assert (watch.best_epoch, watch.epoch) == (best, stopped)


def test_a_lower_loss_does_not_outweigh_a_lower_auc() -> None:
    assert watched(9, [0.8, 0.7, 0.6], [1.0, 0.5, 0.1]).best_epoch == 1


def test_where_auc_is_undefined_the_loss_decides() -> None:
    assert watched(9, [nan, nan, nan], [1.0, 0.5, 0.7]).best_epoch == 2

"""The best epoch and its weights, on scripted validation scores."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fastssl.evaluation.shared.early_stopping import EarlyStopping, Score, train_to_best_epoch


def watched(patience: int, scores: list[Score]) -> EarlyStopping:
    """What is known once it is exhausted, or the script is over."""
    watch = EarlyStopping(patience)
    for score in scores:
        watch.improved(score)
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
        (2, [-0.9, -0.7, -0.8], 2, 3),  # a negated loss
    ],
)
def test_it_stops_after_patience_epochs_without_a_better_score(
    patience: int, auc: list[float], best: int, stopped: int
) -> None:
    watch = watched(patience, [(value,) for value in auc])
    assert (watch.best_epoch, watch.epoch) == (best, stopped)


def test_the_second_number_decides_between_epochs_that_are_equal_in_the_first() -> None:
    """As segmentation's AUC does while its Dice is 0."""
    assert watched(9, [(0.0, 0.5), (0.0, 0.7), (0.0, 0.6)]).best_epoch == 2
    assert watched(9, [(0.0, 0.5), (0.1, 0.2), (0.0, 0.9)]).best_epoch == 2


class Counter(nn.Module):
    """Counts its epochs in a buffer and a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def step(self) -> None:
        with torch.no_grad():
            self.weight += 1
        self.seen += 1


@pytest.mark.parametrize(("epochs", "trained"), [(4, 4), (50, 5)])
def test_the_weights_and_buffers_of_the_best_epoch_are_kept(epochs: int, trained: int) -> None:
    counter, script = Counter(), iter([0.2, 0.6, 0.5, 0.6, 0.1, 0.9])

    def train_epoch() -> Score:
        counter.step()
        return (next(script),)

    found = train_to_best_epoch(counter, train_epoch, epochs=epochs, patience=3)
    assert (found.best_epoch, found.epoch) == (2, trained)
    assert counter.weight.tolist() == [2, 2]
    assert counter.seen.item() == 2

"""Validation and test accuracies that part by more than chance.

Covers: the line that warns of it. Does not cover: the scores (`run.py`), tests between encoders
(`fastssl.evaluation.shared.statistics`).

Parts of one set differ by chance alone as two shares of independent draws do. Where they differ by far more, the test
images come from elsewhere (another scanner, another hospital, another class balance), or labels are mixed up: then
choices made on validation images say little of the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from .report import ProbeRow

DEVIATIONS = 4.0
"""Of the difference, above which it is no chance: one in 16,000 such pairs."""
LEAST_DIFFERENCE = 0.05
"""Of accuracies, below which nobody needs a warning, however many images there are."""


def shift_notes(rows: Sequence[ProbeRow], n_val: int, n_test: int) -> tuple[str, ...]:
    """Return a line where validation and test accuracy part, for the row in which they part most.

    By the test of two proportions with a pooled variance (Fleiss, Levin and Paik, Statistical Methods for Rates and
    Proportions, section 3.3).

    Args:
        rows: of one encoder, with both accuracies.
        n_val: images of the validation part.
        n_test: images of the test part.
    """
    row = max(rows, key=lambda row: abs(row.val_acc - row.acc))
    pooled = (n_val * row.val_acc + n_test * row.acc) / (n_val + n_test)
    deviation = sqrt(pooled * (1 - pooled) * (1 / n_val + 1 / n_test))
    difference = abs(row.val_acc - row.acc)
    if difference < LEAST_DIFFERENCE or difference <= DEVIATIONS * deviation:
        return ()
    return (
        f"warning: validation ACC {row.val_acc:.3f} and test ACC {row.acc:.3f} ({row.classifier}) part by more than "
        "chance: the test images differ from the others, or labels are mixed up",
    )

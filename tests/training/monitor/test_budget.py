"""Looks stay within their share of the time, whatever they cost."""

from __future__ import annotations

import pytest

from fastssl.training.monitor.budget import FEWEST, MOST, SECONDS_APART, Budget, images_per_look


def spend(share: float, predicted: float, costs: list[float], seconds: float) -> tuple[Budget, float]:
    """Run a clock in steps of a tenth of a second; a look takes what `costs` says next."""
    budget, elapsed, left = Budget(share=share), 0.0, list(costs)
    while elapsed < seconds:
        elapsed += 0.1
        if budget.is_due(elapsed, predicted):
            cost = left.pop(0) if len(left) > 1 else left[0]
            elapsed += cost
            budget.add(elapsed, cost)
    return budget, elapsed


@pytest.mark.parametrize("share", [0.01, 0.02, 0.2])
@pytest.mark.parametrize("cost", [0.05, 0.7, 3.0])
def test_looks_that_cost_what_was_predicted_never_exceed_the_share(share: float, cost: float) -> None:
    budget, elapsed = spend(share, cost, [cost], 3600.0)
    assert 0 < budget.spent <= share * elapsed * 1.001


def test_a_first_look_that_costs_more_than_predicted_is_made_up_for() -> None:
    budget, elapsed = spend(0.02, 0.5, [20.0, 1.0], 1200.0)
    assert budget.spent <= 0.02 * elapsed
    budget, elapsed = spend(0.02, 0.5, [20.0, 1.0], 3600.0)
    assert budget.spent > 20.0


def test_looks_are_not_nearer_to_each_other_than_is_useful() -> None:
    budget, _ = spend(0.5, 0.001, [0.001], 600.0)
    assert round(budget.spent / 0.001) == pytest.approx(600 / SECONDS_APART, abs=2)


def test_the_images_of_a_look_leave_ten_looks() -> None:
    assert images_per_look(0.02, 600.0, 0.001) == 1200
    assert images_per_look(0.02, 60.0, 0.001) == FEWEST
    assert images_per_look(0.02, 1e6, 0.001) == MOST

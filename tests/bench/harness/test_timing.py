"""How variants are timed: in turn, in a new order every round, with what comes first left out."""

from __future__ import annotations

import gc
import itertools

import pytest

from bench.harness.timing import Effort, take_turns, timer_for


def count_turns(effort: Effort, warm_up: int = 2, seconds: float = 0.0) -> tuple[dict[str, list[float]], list[str]]:
    """Rounds that a clock of our own gives, and the order in which variants were called."""
    called: list[str] = []
    ticks = itertools.count(1)
    variants = {name: (lambda name=name: called.append(name)) for name in "abc"}

    def timer(call) -> float:
        call()
        return float(next(ticks))

    timed = take_turns(variants, effort, timer, warm_up=warm_up)
    return {name: one.rounds for name, one in timed.items()}, called


def test_every_variant_has_its_turn_in_every_round() -> None:
    rounds, called = count_turns(Effort(seconds=0.0, fewest=6))
    measured = called[3 + 2 * 3 :]
    assert [sorted(measured[start : start + 3]) for start in range(0, 18, 3)] == [["a", "b", "c"]] * 6
    assert len({tuple(measured[start : start + 3]) for start in range(0, 18, 3)}) > 1  # shuffled
    assert all(len(one) == 6 for one in rounds.values())
    assert sorted(itertools.chain(*rounds.values())) == list(range(1, 19))


def test_first_calls_and_warm_up_are_not_among_the_rounds() -> None:
    _, called = count_turns(Effort(seconds=0.0, fewest=1), warm_up=5)
    assert len(called) == 3 * (1 + 5 + 1)


def test_the_effort_bounds_the_rounds() -> None:
    assert len(count_turns(Effort(seconds=60.0, fewest=1, most=7))[0]["a"]) == 7
    assert len(count_turns(Effort(seconds=0.0, fewest=4))[0]["a"]) == 4


def test_time_goes_on_until_it_is_spent() -> None:
    import time

    timed = take_turns({"a": lambda: time.sleep(0.01)}, Effort(seconds=0.2, fewest=1), timer_for("cpu"))
    assert 5 <= len(timed["a"].rounds) <= 20
    assert min(timed["a"].rounds) >= 0.01


def test_garbage_is_collected_before_and_again_after() -> None:
    states = []
    take_turns({"a": lambda: states.append(gc.isenabled())}, Effort(0.0, 2), timer_for("cpu"), warm_up=0)
    assert states == [True, False, False]
    assert gc.isenabled()


def test_a_variant_that_fails_is_not_hidden() -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        take_turns({"a": broken}, Effort(0.0, 1), timer_for("cpu"))
    assert gc.isenabled()

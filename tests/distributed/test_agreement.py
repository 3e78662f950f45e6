"""Decisions of several processes: at the same step on each, however unlike their wishes."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from fastssl.distributed.agreement import LAG, Agreement, Decision
from fastssl.distributed.leader import by_leader
from fastssl.distributed.world import world


def test_one_process_gets_what_it_wishes_at_once() -> None:
    agreement = Agreement()
    assert agreement.next(save=True, signal=0) == Decision(True, 0)
    assert agreement.next(save=False, signal=15) == Decision(False, 15)
    assert agreement.last(signal=2) == Decision(False, 2)


def decisions(asking: int, step: int) -> list[tuple[bool, int]]:
    agreement = Agreement()
    found = []
    for number in range(8):
        asks = world().rank == asking and number == step
        found.append(agreement.next(save=asks, signal=signal.SIGTERM if asks else 0))
    return [*map(tuple, found), tuple(agreement.last(signal=0))]


@pytest.mark.parametrize("asking", [0, 1])
def test_a_wish_of_any_process_is_decided_at_one_step_on_all(ranks: Callable, asking: int) -> None:
    results = ranks(2)(decisions, asking, 3)
    assert results[0] == results[1]
    assert [step for step, (_, number) in enumerate(results[0]) if number] == [3 + LAG]
    saves = [step for step, (save, _) in enumerate(results[0]) if save]
    assert saves == ([3 + LAG] if asking == 0 else [])  # rank 0 has the clock


def test_a_wish_of_the_last_step_is_not_lost(ranks: Callable) -> None:
    for result in ranks(2)(decisions, 1, 7):
        assert result[-1] == (False, signal.SIGTERM)


def work_of_leader() -> list:
    calls = []

    def work() -> int:
        calls.append(world().rank)
        return 42 + len(calls)

    return [by_leader(work), by_leader(lambda: None), by_leader(work), calls]


def failing_work() -> str:
    with pytest.raises(ZeroDivisionError if world().leads else RuntimeError) as caught:
        by_leader(lambda: 1 // 0)
    return str(caught.value)


def test_the_others_do_not_wait_for_work_that_failed(ranks: Callable) -> None:
    assert ranks(4)(failing_work)[1:] == ["rank 0, a peer, has ended by an error"] * 3


def test_one_process_works_and_all_have_the_result(ranks: Callable) -> None:
    results = ranks(4)(work_of_leader)
    assert [result[:3] for result in results] == [[43, None, 44]] * 4
    assert [result[3] for result in results] == [[0, 0], [], [], []]

"""Decisions of several processes: at the same step on each, however unlike their wishes."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fastssl.distributed import leader
from fastssl.distributed.agreement import LAG, Agreement, Decision
from fastssl.distributed.leader import by_leader, first_on_each_machine, on_all
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


@contextmanager
def machines_of(hosts: list[str]) -> Iterator[None]:
    """As if each process ran on the machine of this name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leader, "gethostname", lambda: hosts[world().rank])
        yield


def turns(hosts: list[str], folder: str) -> bool:
    """Whether the work was found done."""
    place = Path(folder) / hosts[world().rank]
    with machines_of(hosts), first_on_each_machine():
        found = place.exists()
        time.sleep(0.1)
        place.touch()
    return found


@pytest.mark.parametrize("hosts", ["aaaa", "aabb", "abab", "abba", "abcd"])
def test_the_first_process_of_each_machine_works_and_the_others_find_it_done(
    ranks: Callable, tmp_path: Path, hosts: str
) -> None:
    expected = [host in hosts[:rank] for rank, host in enumerate(hosts)]
    assert ranks(4)(turns, list(hosts), str(tmp_path)) == expected


def failing_turn(hosts: list[str]) -> str:
    with (
        pytest.raises((ZeroDivisionError, RuntimeError)) as caught,
        machines_of(hosts),
        first_on_each_machine(),
    ):
        raise ZeroDivisionError("here")
    return str(caught.value)


def test_the_others_of_a_machine_do_not_wait_for_a_first_that_failed(ranks: Callable) -> None:
    ended = "rank {}, a peer, has ended by an error"
    assert ranks(4)(failing_turn, list("abab")) == ["here", "here", ended.format(0), ended.format(1)]


def holds_on(having: list[int]) -> bool:
    return on_all(world().rank in having)


def test_something_holds_on_all_where_no_process_lacks_it(ranks: Callable) -> None:
    assert ranks(4)(holds_on, [0, 1, 2, 3]) == [True] * 4
    assert ranks(4)(holds_on, [0, 1, 3]) == [False] * 4
    assert on_all(True)
    assert not on_all(False)

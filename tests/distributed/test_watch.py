"""Signs of life: who is gone is named, by one process, within its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from torch.distributed import HashStore

from fastssl.distributed import watch as module
from fastssl.distributed.watch import Watch
from fastssl.distributed.world import World
from fastssl.errors import ConfigError, DivergenceError, LostPeerError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD", 0.05)
    monkeypatch.setattr(module, "GRACE", 0.3)
    monkeypatch.setattr(module, "PARTING", 0.3)


def ended(lines: list[str]) -> Callable[[str], None]:
    return lines.append


def wait_for(lines: list[str], seconds: float = 5.0) -> float:
    begin = time.monotonic()
    while not lines and time.monotonic() - begin < seconds:
        time.sleep(0.01)
    return time.monotonic() - begin


def test_a_process_that_falls_silent_is_named_by_its_neighbour_which_ends() -> None:
    store, lines = HashStore(), []
    store.set("who/0", "process 17 on node3")
    store.set("beat/0", "41")
    with Watch(store, World(1, 2), patience=0.5, end=ended(lines)):
        seconds = wait_for(lines)
    assert 0.5 < seconds < 2
    assert lines == [
        "rank 0 (process 17 on node3) is gone: it was killed, or hangs; the last checkpoint is kept, go on with "
        "--resume"
    ]


def test_processes_that_live_are_left_alone() -> None:
    store, lines = HashStore(), []
    with (
        Watch(store, World(0, 2), patience=0.3, end=ended(lines)),
        Watch(store, World(1, 2), patience=0.3, end=ended(lines)),
    ):
        time.sleep(0.8)
    assert lines == []


def test_a_process_that_has_left_is_not_missed() -> None:
    store, lines = HashStore(), []
    with Watch(store, World(1, 2), patience=0.3, end=ended(lines)):
        with Watch(store, World(0, 2), patience=0.3, end=ended(lines)):
            time.sleep(0.1)
        time.sleep(0.8)
    assert lines == []


def test_who_is_not_the_neighbour_learns_of_it_and_says_nothing_where_a_lower_rank_does() -> None:
    store, lines = HashStore(), {0: [], 2: []}
    store.set("beat/1", "3")  # rank 1 is silent from the beginning; rank 2 looks at it
    with (
        Watch(store, World(0, 3), patience=0.3, end=ended(lines[0])),
        Watch(store, World(2, 3), patience=0.3, end=ended(lines[2])),
    ):
        wait_for(lines[0])
        wait_for(lines[2])
    assert len(lines[0]) == 1
    assert "rank 1 is gone" in lines[0][0]
    assert lines[2] == [""]


def test_a_broken_connection_becomes_a_line_that_names_the_process() -> None:
    store = HashStore()
    store.set("beat/1", "9")
    with pytest.raises(LostPeerError, match="rank 1 is gone") as caught, Watch(store, World(0, 2), patience=60):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1234")
    assert (caught.value.told, caught.value.status) == (False, 75)


def test_an_error_of_its_own_stays_what_it_is_and_the_others_hear_of_it() -> None:
    store, lines = HashStore(), []
    with Watch(store, World(0, 2), patience=60, end=ended(lines)):
        with pytest.raises(ZeroDivisionError), Watch(store, World(1, 2), patience=60):
            raise ZeroDivisionError("by nothing")
        wait_for(lines)
    assert lines == [""]  # rank 1 has said it
    assert store.get("gone").decode() == "1 by nothing"


def test_a_broken_connection_where_all_are_there_stays_what_it_is() -> None:
    store = HashStore()
    with (
        Watch(store, World(1, 2), patience=60),
        pytest.raises(RuntimeError, match="Connection refused"),
        Watch(store, World(0, 2), patience=60),
    ):
        raise RuntimeError("Connection refused by another program")


@pytest.mark.parametrize(("words", "told"), [("the loss became nan; nothing is kept", True), ("other", False)])
def test_an_error_that_all_have_is_told_once(words: str, told: bool) -> None:
    store = HashStore()

    def leader() -> None:
        with pytest.raises(DivergenceError), Watch(store, World(0, 2), patience=60):
            raise DivergenceError("the loss became nan; the checkpoint of step 3 is kept")

    first = threading.Thread(target=leader)
    first.start()
    error = DivergenceError(words) if told else ConfigError([words])
    with pytest.raises(type(error)) as caught, Watch(store, World(1, 2), patience=60):
        raise error
    first.join()
    assert caught.value.told is told


def test_rank_0_keeps_the_store_until_the_others_have_left_but_not_for_long() -> None:
    store = HashStore()

    def leave_late() -> None:
        with Watch(store, World(1, 2), patience=60):
            time.sleep(0.15)

    other = threading.Thread(target=leave_late)
    other.start()
    with pytest.raises(ConfigError), Watch(store, World(0, 2), patience=60):
        raise ConfigError(["lr=-1: give a number above 0"])
    assert store.check(["left/1"])
    other.join()
    begin = time.monotonic()
    with pytest.raises(ZeroDivisionError), Watch(HashStore(), World(0, 2), patience=60):
        raise ZeroDivisionError("one is in the middle of an exchange")
    assert 0.3 <= time.monotonic() - begin < 2


class GoneAfter:
    """A store that is gone once a key has been set, as rank 0's is once it has seen that all have left."""

    def __init__(self, last: str) -> None:
        self._store, self._last, self._gone = HashStore(), last, False

    def set(self, key: str, value: str) -> None:
        self._ask().set(key, value)
        self._gone = key == self._last

    def get(self, key: str) -> bytes:
        return self._ask().get(key)

    def check(self, keys: list[str]) -> bool:
        return self._ask().check(keys)

    def _ask(self) -> HashStore:
        if self._gone:
            raise RuntimeError("the store is gone")
        return self._store


def test_whether_rank_0_says_it_too_is_asked_while_there_is_a_store() -> None:
    store = GoneAfter("left/1")
    store.set("left/0", "lr=-1: give a number above 0")
    with pytest.raises(ConfigError) as caught, Watch(store, World(1, 2), patience=60):
        raise ConfigError(["lr=-1: give a number above 0"])
    assert caught.value.told

"""How threads wait: set before torch is loaded, left alone where the user has chosen, and said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import fastssl
from fastssl import cli, threads
from fastssl.threads import SPIN_COUNT, free_processors, share_processors, thread_policy, use_threads


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("OMP_", "GOMP_", "KMP_", "FASTSSL_SPIN"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")


@pytest.fixture
def taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the call sets is taken back after the test."""
    for name in ("GOMP_SPINCOUNT", "OMP_NUM_THREADS", "FASTSSL_SPIN_COUNT", "FASTSSL_THREADS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def statistics(busy: int) -> str:
    """As /proc/stat begins, after so many hundredths of a second of work, in every kind of it, beside idling."""
    return f"cpu  {busy - 6} 1 2 99999 77 1 1 1 0 0\ncpu0 1 2 3\n"


@pytest.fixture
def free_of_4(tmp_path: Path) -> Callable[[float], Callable[[], int]]:
    """Counts the free processors of a machine of 4, of which so many are busy."""

    def count(busy: float) -> int:
        path = tmp_path / "stat"
        path.write_text(statistics(1000))
        ticks = os.sysconf("SC_CLK_TCK")
        return free_processors(
            4, 4, path, lambda seconds: path.write_text(statistics(1000 + round(busy * seconds * ticks))) and None
        )

    return lambda busy: lambda: count(busy)


@pytest.mark.parametrize(("busy", "free"), [(0.0, 4), (0.3, 4), (1.0, 3), (2.6, 1), (4.0, 1)])
def test_free_processors_are_those_that_nobody_works_on(
    free_of_4: Callable[[float], Callable[[], int]], busy: float, free: int
) -> None:
    assert free_of_4(busy)() == free


def test_where_the_system_does_not_tell_all_processors_are_free(tmp_path: Path) -> None:
    assert free_processors(statistics=tmp_path / "none") == threads.available_processors() >= 1


@pytest.mark.usefixtures("without_torch", "taken_back")
def test_on_a_quiet_machine_waiting_threads_are_told_to_sleep_soon() -> None:
    assert "they spin while they wait" in thread_policy()
    assert share_processors(threads.available_processors)
    assert os.environ["GOMP_SPINCOUNT"] == str(SPIN_COUNT)
    assert "OMP_NUM_THREADS" not in os.environ
    assert thread_policy().startswith(f"one for each processor; they sleep after {SPIN_COUNT} spins")
    assert share_processors(lambda: 0)  # a second call changes nothing
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.usefixtures("without_torch", "taken_back")
def test_on_a_busy_machine_there_are_as_many_threads_as_free_processors(
    free_of_4: Callable[[float], Callable[[], int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "available_processors", lambda: 4)
    assert share_processors(free_of_4(3.0))
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert thread_policy().startswith("of 4 processors the others were busy at the start")
    assert share_processors()


def test_a_run_has_its_threads_and_gives_them_back() -> None:
    before = torch.get_num_threads()
    with use_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with use_threads(None):
        assert torch.get_num_threads() == before


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_whoever_sets_a_variable_of_openmp_has_chosen(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "2")
    before = dict(os.environ)
    assert not share_processors()
    assert dict(os.environ) == before
    assert thread_policy() == f"as {name}=2 has it"


def test_after_torch_is_loaded_it_is_too_late() -> None:
    assert "torch" in sys.modules
    with pytest.raises(RuntimeError, match=r"call share_processors\(\) first"):
        share_processors()


@pytest.mark.parametrize("tokens", [["train", "--help"], ["train", "--epochs", "0"]], ids=" ".join)
@pytest.mark.usefixtures("without_torch")
def test_help_and_wrong_arguments_do_not_wait_for_the_processors(
    monkeypatch: pytest.MonkeyPatch, tokens: list[str]
) -> None:
    monkeypatch.setattr(fastssl, "share_processors", lambda: pytest.fail("it watched the processors"))
    assert cli.main(tokens) in (0, 2)


def test_the_command_sets_it_before_torch_is_loaded() -> None:
    """The OpenMP library reads its environment when torch brings it: so the order is looked at in a fresh process."""
    program = (
        "import sys, fastssl.cli as cli, fastssl.threads as threads\n"
        "assert 'torch' not in sys.modules\n"
        "cli.main(['probe', 'no-such-run'])\n"
        "import os; print(os.environ.get('GOMP_SPINCOUNT'), threads.thread_policy())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == str(threads.SPIN_COUNT)
    assert "sleep after" in done.stdout

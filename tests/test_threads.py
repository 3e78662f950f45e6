"""How threads wait: set before torch is loaded, left alone where the user has chosen, and said."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fastssl import threads
from fastssl.threads import SPIN_COUNT, share_processors, thread_policy


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("OMP_", "GOMP_", "KMP_", "FASTSSL_SPIN"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")


@pytest.mark.usefixtures("without_torch")
def test_waiting_threads_are_told_to_sleep_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOMP_SPINCOUNT", "FASTSSL_SPIN_COUNT"):
        monkeypatch.setenv(name, "")  # so that what the call sets is taken back
        monkeypatch.delenv(name)
    assert "spin, OpenMP's default" in thread_policy()
    assert share_processors()
    assert os.environ["GOMP_SPINCOUNT"] == str(SPIN_COUNT)
    assert f"sleep after {SPIN_COUNT} spins" in thread_policy()
    assert share_processors()  # a second call changes nothing


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


def test_the_command_sets_it_before_torch_is_loaded() -> None:
    """The OpenMP library reads its environment when torch brings it: so the order is looked at in a fresh process."""
    program = (
        "import sys, fastssl.cli as cli, fastssl.threads as threads\n"
        "assert 'torch' not in sys.modules\n"
        "cli.main(['train', '--epochs', '0'])\n"
        "import os; print(os.environ.get('GOMP_SPINCOUNT'), threads.thread_policy())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == str(threads.SPIN_COUNT)
    assert "sleep after" in done.stdout

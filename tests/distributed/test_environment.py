"""What torchrun and srun say to the processes that they start."""

from __future__ import annotations

import os

import pytest

from fastssl.distributed.environment import FIRST_PORT, PORTS, first_host, launched, launched_rank, quieten_torch
from fastssl.errors import ConfigError

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "node7",
    "MASTER_PORT": "1234",
}
SRUN = {
    "SLURM_JOB_ID": "40017",
    "SLURM_PROCID": "5",
    "SLURM_STEP_NUM_TASKS": "6",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "4,2",
    "SLURM_STEP_NODELIST": "gpu[03-05,9]",
}


def test_a_process_that_was_started_alone_is_alone() -> None:
    assert launched({}) is None
    assert launched({"RANK": "0", "WORLD_SIZE": "1"}) is None
    assert launched({"RANK": "3"}) is None
    assert launched_rank({}) == 0


def test_torch_is_quiet_where_there_are_others_unless_somebody_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH_CPP_LOG_LEVEL", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    quieten_torch()
    assert "TORCH_CPP_LOG_LEVEL" not in os.environ
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    quieten_torch()
    assert os.environ["TORCH_CPP_LOG_LEVEL"] == "ERROR"
    monkeypatch.setenv("TORCH_CPP_LOG_LEVEL", "INFO")
    quieten_torch()
    assert os.environ["TORCH_CPP_LOG_LEVEL"] == "INFO"


def test_torchrun_says_everything() -> None:
    place = launched(TORCHRUN)
    assert place is not None
    assert (place.rank, place.size, place.local_rank, place.local_size) == (5, 8, 1, 4)
    assert (place.address, place.port, place.by) == ("node7", 1234, "torchrun")
    assert launched_rank(TORCHRUN) == 5


def test_srun_says_it_in_its_own_words() -> None:
    place = launched(SRUN)
    assert place is not None
    assert (place.rank, place.size, place.local_rank, place.local_size) == (5, 6, 1, 2)
    assert (place.address, place.port, place.by) == ("gpu03", FIRST_PORT + 40017 % PORTS, "srun")


def test_an_address_that_is_given_is_taken_with_srun_too() -> None:
    place = launched({**SRUN, "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"})
    assert place is not None
    assert (place.address, place.port) == ("10.0.0.1", 29500)


def test_a_batch_script_that_starts_one_process_is_alone() -> None:
    """SLURM tells a batch script of the tasks that were asked for, which only srun starts."""
    assert launched({"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) is None


def test_torchrun_under_srun_is_torchrun() -> None:
    place = launched({**SRUN, **TORCHRUN})
    assert place is not None
    assert place.by == "torchrun"


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu03", "gpu03"),
        ("gpu[03-05,9]", "gpu03"),
        ("gpu[03-05],login1", "gpu03"),
        ("a,b", "a"),
        ("n[001]-ib", "n001-ib"),
        ("", ""),
    ],
)
def test_the_first_machine_of_a_list_is_found(nodes: str, first: str) -> None:
    assert first_host(nodes) == first


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"RANK": "8"}, "there is no rank 8 among 8 processes"),
        ({"RANK": "one"}, "RANK='one' in the environment: give a whole number"),
        ({"WORLD_SIZE": ""}, "WORLD_SIZE='' in the environment"),
    ],
)
def test_variables_that_cannot_be_are_one_line(change: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        launched({**TORCHRUN, **change})
    assert launched_rank({**TORCHRUN, **change}) == 0  # so that somebody says it

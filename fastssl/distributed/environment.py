"""What the environment says of the processes that were started together: by torchrun, or by SLURM's srun.

Covers: this process's place among them and where they meet. Torch-free. Does not cover: meeting (`join.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastssl.errors import ConfigError

FIRST_PORT, PORTS = 20_000, 20_000
"""Of SLURM jobs, which name no port: each job has its own, below those that systems give out by themselves."""

TORCH_LOG = ("TORCH_CPP_LOG_LEVEL", "ERROR")
"""Variable and value, read when torch is imported: of a connection that another process's end has closed, PyTorch would
warn with some fifty lines of stack, before the one line that says who is gone."""


@dataclass(frozen=True, kw_only=True)
class Launched:
    """A process that was started with others.

    Args:
        rank: its number among all of them.
        size: how many they are, at least two.
        local_rank: its number among those of this machine.
        local_size: how many those are.
        address: of the machine where they meet, which is that of rank 0.
        port: there.
        by: what started it, "torchrun" or "srun".
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    address: str
    port: int
    by: str


def launched(environment: Mapping[str, str] | None = None) -> Launched | None:
    """Read the environment.

    Args:
        environment: variables; None for those of this process.

    Returns:
        This process's place; None where it was started alone.

    Raises:
        ConfigError: variables contradict each other, or are no numbers.
    """
    given = os.environ if environment is None else environment
    if "WORLD_SIZE" in given and "RANK" in given:
        found = _by_torchrun(given)
    elif "SLURM_PROCID" in given and _number(given, "SLURM_STEP_NUM_TASKS", 1) > 1:
        found = _by_srun(given)
    else:
        return None
    if not 0 <= found.rank < found.size or not 0 <= found.local_rank < found.local_size:
        raise ConfigError([f"{found.by}: there is no rank {found.rank} among {found.size} processes"])
    return found if found.size > 1 else None


def launched_rank(environment: Mapping[str, str] | None = None) -> int:
    """Look up this process's number; that of rank 0, or one that was started alone, speaks for all.

    Args:
        environment: variables; None for those of this process.

    Returns:
        The number; 0 where the environment cannot be read.
    """
    found = _readable(environment)
    return 0 if found is None else found.rank


def quieten_torch() -> None:
    """Before torch is imported: have it log as `TORCH_LOG` says, where this process was started with others."""
    if _readable(None) is not None:
        os.environ.setdefault(*TORCH_LOG)


def first_host(nodes: str) -> str:
    """Find the first machine of a list as SLURM writes it.

    Args:
        nodes: such as "gpu[03-05,9],login".

    Returns:
        Its name, such as "gpu03".
    """
    match = re.match(r"([^\[,]+)(?:\[(\d+)[^\]]*\])?([^\[,]*)", nodes)
    return "".join(part or "" for part in match.groups()) if match else nodes


def _readable(environment: Mapping[str, str] | None) -> Launched | None:
    try:
        return launched(environment)
    except ConfigError:
        return None


def _by_torchrun(given: Mapping[str, str]) -> Launched:
    rank, size = _number(given, "RANK"), _number(given, "WORLD_SIZE")
    return Launched(
        rank=rank,
        size=size,
        local_rank=_number(given, "LOCAL_RANK", rank),
        local_size=_number(given, "LOCAL_WORLD_SIZE", size),
        address=given.get("MASTER_ADDR", "127.0.0.1"),
        port=_number(given, "MASTER_PORT", 29500),
        by="torchrun",
    )


def _by_srun(given: Mapping[str, str]) -> Launched:
    """SLURM_STEP_NUM_TASKS is set for tasks that srun has started; a batch script itself has SLURM_NTASKS alone."""
    nodes = given.get("SLURM_STEP_NODELIST") or given.get("SLURM_JOB_NODELIST") or "127.0.0.1"
    local_rank = _number(given, "SLURM_LOCALID", 0)
    return Launched(
        rank=_number(given, "SLURM_PROCID"),
        size=_number(given, "SLURM_STEP_NUM_TASKS"),
        local_rank=local_rank,
        local_size=_tasks_here(given, local_rank),
        address=given.get("MASTER_ADDR") or first_host(nodes),
        port=_number(given, "MASTER_PORT", FIRST_PORT + _number(given, "SLURM_JOB_ID", 0) % PORTS),
        by="srun",
    )


def _tasks_here(given: Mapping[str, str], local_rank: int) -> int:
    """Tasks of this node, from a list such as "4(x3),2"."""
    counts: list[int] = []
    for part in (given.get("SLURM_STEP_TASKS_PER_NODE") or "").split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part.strip())
        if match:
            counts += [int(match[1])] * int(match[2] or 1)
    node = _number(given, "SLURM_NODEID", 0)
    return max(counts[node] if node < len(counts) else 1, local_rank + 1)


def _number(given: Mapping[str, str], name: str, otherwise: int | None = None) -> int:
    text = given.get(name)
    if text is None and otherwise is not None:
        return otherwise
    try:
        return int(text or "")
    except ValueError:
        raise ConfigError([f"{name}={text!r} in the environment: give a whole number"]) from None

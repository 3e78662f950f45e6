"""Starting the processes of one machine, by torchrun's own launcher.

Covers: a process for each GPU, their outcomes, what is said of one that was killed. Does not cover: several machines
(torchrun, srun), what a process does.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import torch
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from fastssl.distributed.environment import TORCH_LOG
from fastssl.errors import ConfigError, FastSSLError, LostPeerError
from fastssl.threads import available_processors


class _Outcome(NamedTuple):
    """What a process came to: the result of its work, or the error that ended it."""

    result: Any
    error: FastSSLError | None


def check_gpus(count: int, device: str) -> None:
    """Check that this machine has as many GPUs as are asked for.

    Args:
        count: GPUs.
        device: that is asked for.

    Raises:
        ConfigError: it has not, or they are not to be used.
    """
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device not in ("auto", "cuda"):
        alone = f"on CPUs start the processes by torchrun --nproc-per-node {count} -m -- fastssl train"
        raise ConfigError([f"gpus={count} and device={device} both given; {alone}"])
    if found < count:
        raise ConfigError([f"gpus={count}: this machine has {found or 'no'} CUDA device{'s' if found > 1 else ''}"])


def start(count: int, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do work in several new processes of this machine, which find each other by torchrun's variables.

    Args:
        count: of processes.
        work: a function of a module, called in each of them.
        *arguments: of the function; pickled.

    Returns:
        What the function returned in the process of rank 0.

    Raises:
        FastSSLError: as the process of rank 0 raised it.
        LostPeerError: a process was killed, or ended without a word.
        KeyboardInterrupt: Ctrl-C; the processes have saved what they did.
        SystemExit: of status 143, after SIGTERM; likewise.
    """
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
        start_method="spawn",
    )
    with _inherited(count), _quiet_launcher():
        try:
            outcomes = elastic_launch(config, _outcome_of)(work, *arguments)
        except ChildFailedError as error:
            raise LostPeerError(_how_it_ended(error)) from None
        except SignalException as stop:
            if stop.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise SystemExit(128 + stop.sigval) from None
    told = outcomes[0]
    if told.error is not None:
        raise told.error
    return told.result


def _outcome_of(work: Callable[..., Any], *arguments: Any) -> _Outcome:
    """What each process runs; an error for the user is an outcome, which the launcher passes on."""
    try:
        return _Outcome(work(*arguments), None)
    except FastSSLError as error:
        return _Outcome(None, error)


def _how_it_ended(error: ChildFailedError) -> str:
    failures = error.failures.values()
    first = next((one for one in failures if one.exitcode < 0), next(iter(failures)))
    how = f"was killed by {signal.Signals(-first.exitcode).name}" if first.exitcode < 0 else "ended by an error"
    status = "" if first.exitcode < 0 else f" (exit status {first.exitcode}; what it said is above)"
    return f"rank {first.local_rank} (process {first.pid}) {how}{status}; the last checkpoint is kept: --resume"


@contextmanager
def _inherited(count: int) -> Iterator[None]:
    """What new processes find in their environment, unless somebody has chosen: their share of the processors."""
    variables = dict([("OMP_NUM_THREADS", str(max(1, available_processors() // count))), TORCH_LOG])
    ours = [name for name in variables if name not in os.environ]
    os.environ.update({name: variables[name] for name in ours})
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


@contextmanager
def _quiet_launcher() -> Iterator[None]:
    """The launcher logs what the processes say themselves."""
    loggers = [logging.getLogger(name) for name in ("torch.distributed.elastic", "torch.distributed.launcher")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

"""A command in a process of its own, forked from one that has imported everything, with a fault put into it.

Covers: running it, its exit status, what it printed. Does not cover: the faults (`sabotage.py`).
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST = 120.0
"""Seconds after which a command hangs."""

Sabotage = Callable[[Path], None]
"""Puts a fault into the process that it is called in; it is given a file to write down what happened."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended.

    Args:
        status: the exit status; negative: minus the signal that ended it.
        seconds: how long it ran.
        printed: everything that it printed.
    """

    status: int
    seconds: float
    printed: str


def start(command: Sequence[str], folder: Path, sabotage: Sabotage | None = None) -> int:
    """Start a command in a folder, with its cache there.

    Args:
        command: the words after `fastssl`.
        folder: its working directory.
        sabotage: called in the new process, before the command.

    Returns:
        The process.
    """
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        out = os.open(folder / "printed.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(folder)
        os.environ["FASTSSL_CACHE"] = str(folder / "cache")
        if sabotage is not None:
            sabotage(folder / "happened.txt")
        from fastssl.cli import main

        status = main(list(command))
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        status = 99
    os._exit(status)


def finish(child: int, folder: Path, began: float) -> Ended:
    """Wait for a process that `start` started, at most `LONGEST` seconds.

    Args:
        child: the process.
        folder: that it works in.
        began: when, by the monotonic clock.

    Returns:
        How it ended.
    """
    while True:
        done, code = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - began > LONGEST:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            code = 98 << 8
            break
        time.sleep(0.005)
    printed = (folder / "printed.txt").read_text(encoding="utf-8", errors="replace")
    return Ended(status=os.waitstatus_to_exitcode(code), seconds=time.monotonic() - began, printed=printed)


def run(command: Sequence[str], folder: Path, sabotage: Sabotage | None = None) -> Ended:
    """Start a command and wait for it; see `start` and `finish`."""
    began = time.monotonic()
    return finish(start(command, folder, sabotage), folder, began)

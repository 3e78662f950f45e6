"""Faults, each of them a function that puts itself into the process that it is called in.

Covers: SIGKILL after a time or at a call of the operating system, a limit on file sizes, a user who may write nowhere,
a loader that fails, a clock that goes back. Does not cover: which of them when (`scenarios.py`).
"""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .child import Sabotage

CALLS = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir")
"""Calls after which the disk holds something else; writing in between is cut by time."""
NOBODY = 65534


def killed_after(seconds: float) -> Sabotage:
    """SIGKILL from a thread, wherever the others are."""

    def sabotage(happened: Path) -> None:
        threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()

    return sabotage


def counting(happened: Path) -> None:
    """No fault: write down how many of `CALLS` there were."""
    count = 0

    def one_more(_: str, call: Callable[[], Any]) -> Any:
        nonlocal count
        count += 1
        return call()

    _around_calls(one_more)
    leave, written = os._exit, os.fspath(happened)

    def write_and_leave(status: int) -> None:
        _note(written, str(count))
        leave(status)

    os._exit = write_and_leave  # type: ignore[assignment]


def killed_at_call(number: int, *, before: bool) -> Sabotage:
    """SIGKILL at one of `CALLS`, before or after it is made; checkpoints finished by then are written down."""

    def sabotage(happened: Path) -> None:
        lock, count = threading.Lock(), 0

        def maybe_last(target: str, call: Callable[[], Any]) -> Any:
            nonlocal count
            with lock:
                count += 1
                last = count == number
            if last and before:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call()
            if Path(target).name.startswith("step-"):
                _note(os.fspath(happened), Path(target).name)
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        _around_calls(maybe_last)

    return sabotage


def file_size_limited(size: int) -> Sabotage:
    """No file grows beyond so many bytes, as on a disk that is full."""

    def sabotage(happened: Path) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return sabotage


def as_nobody(happened: Path) -> None:
    """A user who may read everything here and write nothing."""
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def failing_loader(number: int) -> Sabotage:
    """The batch of this number cannot be made."""

    def sabotage(happened: Path) -> None:
        from fastssl.pipelines.producer import Producer

        produce, count = Producer.produce, 0

        def broken(self: Producer, epoch: int, iteration: int) -> Any:
            nonlocal count
            count += 1
            if count == number:
                raise OSError(5, "Input/output error", "images.npz")
            return produce(self, epoch, iteration)

        Producer.produce = broken  # type: ignore[method-assign]

    return sabotage


def clock_going_back(happened: Path) -> None:
    """Each look at the time of day finds it an hour earlier."""
    now, looks = time.time(), iter(range(1, 1 << 30))
    time.time = lambda: now - 3600 * next(looks)  # type: ignore[assignment]


def _around_calls(around: Callable[[str, Callable[[], Any]], Any]) -> None:
    def wrap(name: str) -> None:
        call = getattr(os, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            target = args[1] if name in ("rename", "replace") else args[0]
            return around(os.fspath(target) if not isinstance(target, int) else "", lambda: call(*args, **kwargs))

        setattr(os, name, wrapped)

    for name in CALLS:
        wrap(name)


def _note(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)

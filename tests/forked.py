"""Processes that need not import anything: they are forked from a server that has, once for the tests of a worker.

Covers: the server, and `fastssl ...` in a process of its own. Does not cover: how the command starts in a new
interpreter, which takes seconds (`python -m fastssl`, as tests of starting run it).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path

from fastssl.distributed.environment import TORCH_LOG

ROOT = str(Path(__file__).parents[1])
IMPORTED = ["fastssl.training.train", "fastssl.evaluation.probe.run"]


def context() -> ForkServerContext:
    """Where processes of the server are made."""
    if ROOT not in sys.path:
        sys.path.append(ROOT)  # new processes take it over, and find this module
    os.environ.setdefault(*TORCH_LOG)  # as the command has it; too late for a process that has torch already
    multiprocessing.set_forkserver_preload(IMPORTED)
    return multiprocessing.get_context("forkserver")


class Command:
    """One running `fastssl` command.

    Args:
        words: those after `fastssl`.
        folder: for what it prints.
        variables: of its environment, beside those of the tests.
    """

    def __init__(self, words: list[str], folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self._printed = [folder / "stdout", folder / "stderr"]
        folder.mkdir(parents=True)
        paths = [str(path) for path in self._printed]
        self._process = context().Process(target=_run, args=(words, paths, dict(variables or {})), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, minus the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self, timeout: float) -> tuple[str, str]:
        """What it has printed on both outputs until its end; fails where that takes longer than `timeout` seconds."""
        self._process.join(timeout)
        assert self.status is not None, f"still running after {timeout:g} s"
        out, err = (path.read_text(encoding="utf-8") for path in self._printed)
        return out, err

    def kill(self) -> None:
        """End it, where it still runs."""
        self._process.kill()
        self._process.join()


def _run(words: list[str], printed: list[str], variables: dict[str, str]) -> None:
    for descriptor, path in enumerate(printed, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), descriptor)
    os.environ.update(variables)
    sys.argv = ["fastssl", *words]
    from fastssl.__main__ import main

    sys.exit(main())

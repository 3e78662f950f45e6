"""The progress line of `pytest bench`: which benchmark of how many, how long so far, and each result as it comes.

Covers: lines on the terminal in place of pytest's dots. Does not cover: the tables at the end (`report.py`).
"""

from __future__ import annotations

import time
from typing import Any

import pytest

WIDTH, PROBLEM_WIDTH = 118, 52


class Progress:
    """Writes past pytest's capture of output; `total` benchmarks are expected once they are collected.

    Workers of pytest-xdist have no terminal: there it says nothing.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._reporter: Any = config.pluginmanager.getplugin("terminalreporter")
        self._capture: Any = config.pluginmanager.getplugin("capturemanager")
        self._begin = time.monotonic()
        self._line = ""
        self.total = self.done = 0

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._begin

    def begins(self, name: str) -> None:
        """A benchmark begins; a terminal shows it until its first result."""
        self.done += 1
        if self._reporter is not None and self._reporter.isatty:
            self._write(self._text(name), end="\r")

    def line(self, text: str) -> None:
        """A result, on a line that stays."""
        self._write(self._text(text), end="\n")

    def _text(self, text: str) -> str:
        minutes, seconds = divmod(int(self.seconds), 60)
        return shortened(f"[{self.done}/{self.total} {minutes}:{seconds:02d}] {text}", WIDTH)

    def _write(self, text: str, end: str) -> None:
        if self._reporter is None:
            return
        shown = text.ljust(len(self._line)) if self._line else text
        self._line = text if end == "\r" else ""
        with self._capture.global_and_fixture_disabled():
            self._reporter.write(shown + end, flush=True)


def shortened(text: str, width: int) -> str:
    """At most so many characters, the last of them dots where something is left out."""
    return text if len(text) <= width else f"{text[: width - 3]}..."

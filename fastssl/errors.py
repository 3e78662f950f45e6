"""The errors that a user is meant to read.

Covers: a base class and one class for each part of a run. The command line prints an error's text as one line and exits
with status 2.
Does not cover: programming errors (`fastssl.cli.failures` says what the command line makes of them).
"""

from __future__ import annotations

from typing import Any

from .text import printable, shortened

LONGEST = 480
"""Characters of an error's text, or of each problem of several; of a longer one the middle is left out."""


class FastSSLError(Exception):
    """A problem that the user can fix. Its text is one line: what is wrong, where, and what to do.

    Args:
        text: that line. Whatever would break it, as in the name of a file, is shown as an escape.
    """

    told: bool = False
    """Another of several processes prints the same line."""
    status: int = 2
    """Of the command that ends by it."""

    def __init__(self, text: str) -> None:
        super().__init__(shortened(printable(text), LONGEST))


class DataError(FastSSLError):
    """Images, labels or a data path that cannot be used as they are."""


class ConfigError(FastSSLError):
    """One or more settings that cannot be used.

    Args:
        problems: every problem found, not only the first, each without a line break.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(shortened(printable(problem), LONGEST) for problem in problems)
        Exception.__init__(self, "; ".join(self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """Make an error that another process raised arrive with its problems."""
        return type(self), (list(self.problems),)


class CheckpointError(FastSSLError):
    """A checkpoint or encoder file that is missing, damaged, or made for another model."""


class DivergenceError(FastSSLError):
    """The loss stopped being a finite number."""


class LostPeerError(FastSSLError):
    """Another of the processes that train together is gone; what was saved is still there."""

    status = 75
    """EX_TEMPFAIL of sysexits.h: the same command may succeed when it is given again."""

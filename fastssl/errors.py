"""The errors that a user is meant to read.

Covers: one base class; the command line prints its text as one line and exits with status 2.
Does not cover: programming errors, which keep their traceback.
"""

from __future__ import annotations


class FastSSLError(Exception):
    """A problem the user can mend. Its text is one line: what is wrong, where, and what to do."""


class DataError(FastSSLError):
    """Images, labels or a data path that cannot be used as they are."""


class ConfigError(FastSSLError):
    """One or more settings that cannot be used; lists every problem found, not only the first."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


class CheckpointError(FastSSLError):
    """A checkpoint or encoder file that is missing, damaged, or made for another model."""


class DivergenceError(FastSSLError):
    """The loss stopped being a finite number."""

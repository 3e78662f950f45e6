"""The errors that a user is meant to read.

Covers: a base class and one class for each part of a run. The command line prints an error's text as one line and exits
with status 2.
Does not cover: programming errors, which keep their traceback.
"""

from __future__ import annotations


class FastSSLError(Exception):
    """A problem that the user can fix. Its text is one line: what is wrong, where, and what to do."""


class DataError(FastSSLError):
    """Images, labels or a data path that cannot be used as they are."""


class ConfigError(FastSSLError):
    """One or more settings that cannot be used.

    Args:
        problems: every problem found, not only the first, each without a line break.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


class CheckpointError(FastSSLError):
    """A checkpoint or encoder file that is missing, damaged, or made for another model."""


class DivergenceError(FastSSLError):
    """The loss stopped being a finite number."""

"""What a log of metrics is asked to do.

Covers: the protocol; a board that is left out once it fails; ids of a run in other programs. Does not cover: any
particular board (the other files here).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from fastssl.files import write_json

IDS = "boards.json"
"""In a run's folder: name of a board -> the run's id there, by which a resumed run goes on in the same one."""


class Board(Protocol):
    """A log that the metrics of every step go to."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the metrics of a step.

        Args:
            step: how many steps were finished.
            values: by name.
        """

    def close(self) -> None:
        """Write what is not yet written."""


class Guarded:
    """A board whose failure ends nothing but itself, such as one on a network.

    Args:
        name: of the board.
        board: that may fail.
        notify: is told of its first failure in a line.
    """

    def __init__(self, name: str, board: Board, notify: Callable[[str], None]) -> None:
        self._name, self._board, self._notify = name, board, notify
        self._failed = False

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._try(lambda: self._board.write(step, values))

    def close(self) -> None:
        self._try(self._board.close)

    def _try(self, do: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            do()
        except Exception as error:  # whatever it is, training goes on
            self._failed = True
            self._notify(f"warning: {self._name} failed ({type(error).__name__}: {error}); training goes on without it")


def read_id(folder: Path, board: str) -> str | None:
    """Read the id that a run has in another program.

    Args:
        folder: of the run.
        board: name of the program.

    Returns:
        None where it has none.
    """
    found = _read_ids(folder).get(board)
    return found if isinstance(found, str) else None


def keep_id(folder: Path, board: str, value: str) -> None:
    """Keep the id that a run has in another program.

    Args:
        folder: of the run.
        board: name of the program.
        value: the id.

    Raises:
        OSError: it cannot be written.
    """
    write_json(folder / IDS, {**_read_ids(folder), board: value})


def _read_ids(folder: Path) -> dict[str, object]:
    try:
        found = json.loads((folder / IDS).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

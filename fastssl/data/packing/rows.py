"""What is kept of each file beside its squares: a line of JSON.

Covers: the record, both ways. Does not cover: the squares themselves (`writer.py`), all files together (`groups.py`).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fastssl.data.values.value_span import ValueSpan

from .decode import Square

ROWS_FILE = "rows.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameRow:
    """What is known of one square.

    Args:
        frame: its number in the file.
        span: of the values of the whole image.
        bilevel: it is black and white only.
        windowed: its values are grey levels already.
        notes: what was changed or left out in reading it.
    """

    frame: int
    span: ValueSpan
    bilevel: bool = False
    windowed: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, square: Square) -> FrameRow:
        """Return what is kept of a square beside its pixels."""
        return cls(
            frame=square.frame,
            span=square.span,
            bilevel=square.bilevel,
            windowed=square.windowed,
            notes=square.notes,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRows:
    """What became of one file.

    Args:
        path: relative to the folder.
        key: which file it is, and its neighbours if they are channels of it.
        frames: its squares, in their order in the pack; none of an unreadable file.
        unreadable: what is wrong with it; "" if nothing.
    """

    path: str
    key: str
    frames: tuple[FrameRow, ...] = ()
    unreadable: str = ""

    def as_text(self) -> str:
        """Return its line."""
        frames = [
            [one.frame, one.span.as_json(), int(one.bilevel), int(one.windowed), list(one.notes)] for one in self.frames
        ]
        return json.dumps([self.path, self.key, self.unreadable, frames]) + "\n"

    @classmethod
    def of_text(cls, line: str) -> FileRows:
        """Return the record that `as_text` wrote.

        Args:
            line: of the file.

        Raises:
            ValueError, TypeError, KeyError: it was cut short, or written by another version.
        """
        path, key, unreadable, frames = json.loads(line)
        return cls(path=path, key=key, unreadable=unreadable, frames=tuple(map(_frame, frames)))


def _frame(kept: Sequence[Any]) -> FrameRow:
    frame, span, bilevel, windowed, notes = kept
    return FrameRow(
        frame=frame,
        span=_span(tuple(map(_hashable, span))),
        bilevel=bool(bilevel),
        windowed=bool(windowed),
        notes=tuple(notes),
    )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=1024)
def _span(kept: tuple[Any, ...]) -> ValueSpan:
    """Spans that are equal, as those of windowed scans mostly are, are one in memory."""
    return ValueSpan.from_json(kept)


def read_rows(folder: Path) -> Iterator[FileRows]:
    """Read the records of a pack, as far as they are whole.

    Args:
        folder: of the pack.

    Yields:
        A record for each file, in the order of the pack.
    """
    with contextlib.suppress(OSError), (folder / ROWS_FILE).open(encoding="ascii") as lines:
        for line in lines:
            try:
                yield FileRows.of_text(line)
            except (ValueError, TypeError, KeyError):
                return


def places_of(rows: Sequence[FileRows]) -> tuple[np.ndarray, np.ndarray]:
    """Say which file, and which frame of it, each square is.

    Args:
        rows: of all files of a pack.

    Returns:
        int64 `[N]` index in `rows`, and int64 `[N]` number of the frame.
    """
    counts = [len(own.frames) for own in rows]
    frames = [one.frame for own in rows for one in own.frames]
    return np.repeat(np.arange(len(rows)), counts), np.array(frames, dtype=np.int64)

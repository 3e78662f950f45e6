"""Trials that are finished, kept so that no command repeats them.

Covers: one JSON line a trial, found again by everything that its outcome depends on; several processes may add to one
file. Does not cover: running trials.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from math import nan
from pathlib import Path
from typing import Any

from fastssl.data.storage import locked
from fastssl.jsonable import without_nan
from fastssl.training.checkpoint import write_atomically

from .trial import Epoch, Outcome

VERSION = 1
"""Raised whenever the same settings would give other numbers, so that old trials are not taken for new ones."""


class TrialLedger:
    """The trials in `path`; lines that cannot be read are left out, and named through `notify`."""

    def __init__(self, path: Path, notify: Callable[[str], None]) -> None:
        self._path = path
        self._lines = _read(path, notify)

    def find(self, settings: Mapping[str, Any]) -> Outcome | None:
        """The outcome of the trial with exactly these settings, or None."""
        line = self._lines.get(_key(settings))
        return None if line is None else _outcome(json.loads(line)["outcome"])

    def add(self, settings: Mapping[str, Any], outcome: Outcome, contender: str) -> None:
        """Keep a finished trial, and those that other processes have added meanwhile.

        contender: names it to a reader, and may change.
        """
        record = {
            "key": _key(settings),
            "contender": contender,
            "settings": dict(settings),
            "outcome": without_nan(asdict(outcome)),
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._path.with_name(f".{self._path.stem}.lock")):
            self._lines |= _read(self._path, lambda line: None) | {record["key"]: json.dumps(record, allow_nan=False)}
            write_atomically(self._path, "".join(line + "\n" for line in self._lines.values()))


def _read(path: Path, notify: Callable[[str], None]) -> dict[str, str]:
    """Key -> line of every trial in the file; none if there is no file."""
    found = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            found[json.loads(line)["key"]] = line
        except (ValueError, KeyError, TypeError):
            notify(f"{path}, line {number}: not a trial; left out")
    return found


def _key(settings: Mapping[str, Any]) -> str:
    text = json.dumps({**settings, "version": VERSION}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _outcome(fields: dict[str, Any]) -> Outcome:
    epochs = tuple(Epoch(**_with_nan(epoch)) for epoch in fields["epochs"])
    return Outcome(**{**_with_nan(fields), "epochs": epochs, "notes": tuple(fields["notes"])})


def _with_nan(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: nan if value is None else value for name, value in fields.items()}

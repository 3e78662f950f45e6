"""Finished trials, kept in a file so that no command repeats them.

Covers: one JSON line per trial, found again by everything that its result depends on; several processes may add to one
file. Does not cover: running trials (`trials.py`), what a result holds (the evaluation encodes and decodes it).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from math import nan
from pathlib import Path
from typing import Any, Generic, TypeVar

from fastssl.data.storage import locked
from fastssl.errors import CheckpointError
from fastssl.files import without_nan, write_atomically

ResultT = TypeVar("ResultT")


class TrialCache(Generic[ResultT]):
    """The finished trials of one kind of evaluation in one file.

    Args:
        path: the file, JSON lines; it need not exist. Lines that cannot be read are left out.
        encode: turns a result into numbers, texts, lists and mappings. nan is allowed (null in the file), None is not:
            it would come back as nan.
        decode: turns what `encode` made back into a result. Tuples arrive as lists.
        version: part of every key. Raise it whenever equal settings would give another result, so that old trials
            are not taken for new ones.
        notify: is told of lines that are left out.
    """

    def __init__(
        self,
        path: Path,
        *,
        encode: Callable[[ResultT], Mapping[str, Any]],
        decode: Callable[[dict[str, Any]], ResultT],
        version: int,
        notify: Callable[[str], None],
    ) -> None:
        self._path = path
        self._encode, self._decode, self._version = encode, decode, version
        self._notify = notify
        self._lines = _read_lines(path, notify)

    def find(self, settings: Mapping[str, Any]) -> ResultT | None:
        """Return the result of the trial with exactly these settings.

        Args:
            settings: everything that the result depends on, as JSON holds it.

        Returns:
            The result, or None if there is no such trial.
        """
        line = self._lines.get(self._key(settings))
        if line is None:
            return None
        try:
            return self._decode(_with_nan(json.loads(line)["outcome"]))
        except Exception:  # a line without a checksum that somebody has changed: whatever it holds, it is no trial
            self._notify(f"{self._path}: a trial cannot be read; it is repeated")
            return None

    def read_again(self) -> None:
        """Take in what other processes have added meanwhile."""
        self._lines |= _read_lines(self._path, self._notify)

    def result(self, settings: Mapping[str, Any]) -> ResultT:
        """Return the result of a trial that another process has finished.

        Args:
            settings: as for `find`.

        Raises:
            CheckpointError: it is not there, as where processes do not see one file.
        """
        found = self.find(settings)
        if found is None:
            raise CheckpointError(f"{self._path}: lacks a trial of another process; all of them have to see this file")
        return found

    def add(self, settings: Mapping[str, Any], result: ResultT, label: str) -> None:
        """Keep a finished trial, together with those that other processes have added meanwhile.

        Args:
            settings: as for `find`.
            result: of the trial.
            label: names the trained encoder to a reader of the file; it is no part of the key.
        """
        record = {
            "key": self._key(settings),
            "label": label,
            "settings": dict(settings),
            "outcome": without_nan(self._encode(result)),
        }
        record["checksum"] = _checksum(record)
        line = json.dumps(record, allow_nan=False)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._path.with_name(f".{self._path.stem}.lock")):
            self._lines |= _read_lines(self._path, lambda _: None) | {record["key"]: line}
            write_atomically(self._path, "".join(line + "\n" for line in self._lines.values()))

    def _key(self, settings: Mapping[str, Any]) -> str:
        text = json.dumps({**settings, "version": self._version}, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _read_lines(path: Path, notify: Callable[[str], None]) -> dict[str, str]:
    """Key -> line of every trial in the file; none if there is no file."""
    found = {}
    lines = path.read_bytes().split(b"\n") if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            text = line.decode("utf-8")
            record = json.loads(text)
            sound = isinstance(record["key"], str) and record.get("checksum", _checksum(record)) == _checksum(record)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            sound = False
        if sound:
            found[record["key"]] = text
        else:
            notify(f"{path}, line {number}: not a trial; left out")
    return found


def _checksum(record: Mapping[str, Any]) -> str:
    """Of all that matters of a line; lines of 0.1 have none."""
    text = json.dumps([record["key"], record["outcome"]], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _with_nan(value: Any) -> Any:
    """`value` with nan for every None, at any depth."""
    if isinstance(value, dict):
        return {name: _with_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_nan(item) for item in value]
    return nan if value is None else value

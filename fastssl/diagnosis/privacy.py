"""Text that can be shown to strangers: without the home folder and the names of its user and this machine.

Covers: replacing them in every text of a record. Does not cover: which variables of the environment are shown
(`variables.py`).
"""

from __future__ import annotations

import getpass
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

RecordT = TypeVar("RecordT")

COMMON = {"root", "user", "localhost", "ubuntu", "home", "runner", "admin", ""}
"""Names that tell nothing of anybody."""


def private_words() -> dict[str, str]:
    """List what is not to be shown of this machine.

    Returns:
        Word or path -> what is shown instead, longest first.
    """
    words: dict[str, str] = {}
    with suppress(RuntimeError):
        words[str(Path.home())] = "~"
        words[str(Path.home().resolve())] = "~"
    host = platform.node()
    for name in (host, host.partition(".")[0]):
        words.setdefault(name, "HOST")
    with suppress(OSError, KeyError, ImportError):
        words.setdefault(getpass.getuser(), "USER")
    kept = {word: shown for word, shown in words.items() if word.lower() not in COMMON and word != "/"}
    return dict(sorted(kept.items(), key=lambda pair: -len(pair[0])))


def without_words(value: RecordT, words: Mapping[str, str]) -> RecordT:
    """Replace words in every text of a record, at any depth.

    Args:
        value: a dataclass, mapping, sequence, text or number.
        words: word or path -> what is shown instead; only whole words are replaced.

    Returns:
        The same, with the words replaced.
    """
    made: Any = value
    if isinstance(value, str):
        for word, shown in words.items():
            made = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", shown, made)
    elif is_dataclass(value) and not isinstance(value, type):
        own = {field.name: without_words(getattr(value, field.name), words) for field in fields(value)}
        made = replace(value, **own)
    elif isinstance(value, Mapping):
        made = {name: without_words(item, words) for name, item in value.items()}
    elif isinstance(value, (tuple, list)):
        made = type(value)(without_words(item, words) for item in value)
    result: RecordT = made
    return result

"""Splits that only the names of files tell.

Covers: saying that names such as train_1.png and test_1.png lie in one folder. Does not cover: dividing by them, for a
word in the name of a file may mean anything (`split_folders.py` reads the names of folders).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastssl.text import printable

from .endings import stem_of
from .split_names import TEST, TRAIN, VAL, split_name

_WORD = re.compile(r"train|test|val|dev|holdout", re.IGNORECASE)


def note_on_file_names(paths: Iterable[str]) -> str:
    """Say that some files of a set without splits are called train, and others test or val.

    Args:
        paths: of the images.

    Returns:
        One line; "" where it is not so.
    """
    found: dict[str, list[str]] = {TRAIN: [], VAL: [], TEST: []}
    for path in paths:
        stem = stem_of(path.rpartition("/")[2])
        if _WORD.search(stem) and (named := split_name(stem)) and named.split in found:
            found[named.split].append(path)
    held_out = found[VAL] + found[TEST]
    if not found[TRAIN] or not held_out:
        return ""
    return (
        f"{len(held_out)} files are called test or val ({printable(held_out[0])}) and {len(found[TRAIN])} train, which "
        "divides nothing: only folders do"
    )

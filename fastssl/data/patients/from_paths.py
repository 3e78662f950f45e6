"""Whose images are, by their files' paths.

Covers: a regular expression for the path, the folder that a file is in. Does not cover: columns of a table
(`fastssl.data.tables`), headers (`from_headers.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from fastssl.errors import DataError
from fastssl.text import printable

SHOWN = 3


def names_by_pattern(paths: Sequence[str], pattern: str) -> list[str | None]:
    """Find patients by a regular expression.

    Args:
        paths: of files, relative to the data's folder, with "/" between folders.
        pattern: is searched for in each path; its first bracket is the patient, or all of it where it has none.

    Returns:
        The patient of each file; None where the pattern does not match.

    Raises:
        DataError: it is no regular expression, matches no path, or makes all files one patient's.
    """
    try:
        expression = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise DataError(
            f"group={pattern!r} is no regular expression ({error}) and no column of a table; give a column, a pattern "
            "such as '(P[0-9]+)_', dicom, folder or none"
        ) from None
    matches = [expression.search(path) for path in paths]
    found = [(match and match[1 if expression.groups else 0]) or None for match in matches]
    names = {name for name in found if name is not None}
    if not names:
        raise DataError(
            f"group={pattern!r} is no column of a table and matches no path (one is {printable(paths[0])}); give a "
            "column, or a pattern that finds the patient in each path"
        )
    if len(names) == 1 and None not in found and len(found) > 1:
        raise DataError(
            f"group={pattern!r} finds one patient, {printable(names.pop())}, in all {len(found)} paths; put brackets "
            "around what differs between patients"
        )
    return found


def names_by_folder(paths: Sequence[str], is_aside: Callable[[str], bool]) -> list[str | None]:
    """Take folders for patients.

    A patient is called after all folders above the file but those of splits and classes, so that train/x/p1/1.png and
    test/y/p1/2.png are one patient's.

    Args:
        paths: of files, relative to the data's folder, with "/" between folders.
        is_aside: tells whether a folder of this name is a split or a class.

    Returns:
        The patient of each file; None where it is in no such folder.

    Raises:
        DataError: no file is, or all are in the same.
    """
    found = ["/".join(part for part in path.split("/")[:-1] if not is_aside(part)) or None for path in paths]
    if not any(found):
        raise DataError(
            f"group=folder: no folder is a patient's, for all of them are the data's splits or classes (one file is "
            f"{printable(paths[0])}); give a pattern that finds the patient in each path"
        )
    if len(set(found)) == 1 and len(found) > 1:
        raise DataError(
            f"group=folder: all {len(found)} files are in one folder, {printable(str(found[0]))}; give a pattern that "
            "finds the patient in each path"
        )
    return found


def note_on_unknown(found: Sequence[str | None], paths: Sequence[str], why: str) -> tuple[str, ...]:
    """Say of which files the patient is not known.

    Args:
        found: patient of each file, None where it is not known.
        paths: of the files.
        why: such as "the pattern does not match".

    Returns:
        No line, or one that counts the files and names some.
    """
    unknown = [path for path, name in zip(paths, found, strict=True) if name is None]
    if not unknown:
        return ()
    named = ", ".join(map(printable, unknown[:SHOWN])) + (" ..." if len(unknown) > SHOWN else "")
    files = "1 file counts as a patient" if len(unknown) == 1 else f"{len(unknown)} files count as a patient each"
    return (f"{files}: {why} ({named})",)

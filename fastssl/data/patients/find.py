"""Finding out whose images are, by whatever says it.

Covers: which of column, pattern, folder and header counts; numbers and pseudonyms. Does not cover: each of these by
itself (the other files here), reading the table (`fastssl.data.tables`) and headers (`fastssl.data.reading`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.data.reading.samples import FileFacts
from fastssl.errors import DataError

from .from_headers import SERIES, names_by_headers
from .from_paths import names_by_folder, names_by_pattern, note_on_unknown
from .options import DICOM, FOLDER, NOBODY, PatientOptions
from .pseudonyms import pseudonyms_of
from .salt import find_salt


@dataclass(frozen=True, kw_only=True)
class PatientColumn:
    """A column of a table that says whose the images are.

    Args:
        name: of the column.
        values: N, the patient of each file; None where its cell is empty or the table has no row for the file.
    """

    name: str
    values: Sequence[str | None]


@dataclass(frozen=True, kw_only=True)
class Patients:
    """Whose files are.

    Args:
        groups: int64 `[N]`, a number for each patient, by the first of their files in the order of paths; None where
            nothing says whose the files are.
        names: by number, what patients are called: pseudonyms, unless these were refused.
        how: what says whose the files are, such as "the column subject"; "" where nothing does.
        notes: a line for each thing that the user should know.
    """

    groups: np.ndarray | None = None
    names: tuple[str, ...] = ()
    how: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Found:
    names: Sequence[str | None]
    how: str
    why_unknown: str


def find_patients(
    paths: Sequence[str],
    options: PatientOptions,
    *,
    column: PatientColumn | None = None,
    facts: Sequence[FileFacts] = (),
    is_aside: Callable[[str], bool] = lambda folder: False,
) -> Patients:
    """Find the patient of each file.

    What is asked for counts: "dicom", "folder", "none", the column of that name, else a pattern. Unasked, it is the
    column, if there is one, else what headers say. A file of which it is not known counts as a patient of its own.

    Args:
        paths: N files relative to the data's folder, with "/" between folders.
        options: what is asked for.
        column: of the data's table: the one that is asked for, or the one that was found; None without any.
        facts: N, of the files' headers; empty where none were read.
        is_aside: tells whether a folder of this name is a split or a class, and so no patient's.

    Returns:
        The patients. None of their names is in the notes, which say how many files are meant.

    Raises:
        DataError: what is asked for finds no patient, or the salt of pseudonyms cannot be kept.
    """
    if options.group == NOBODY or not paths:
        return Patients()
    notes: tuple[str, ...] = ()
    if options.group is None:
        found, notes = _unasked(column, facts)
    else:
        found = _asked(paths, options.group, column, facts, is_aside)
    if found is None:
        return Patients(notes=notes)
    unknown = note_on_unknown(found.names, paths, found.why_unknown)
    names = [path if name is None else name for name, path in zip(found.names, paths, strict=True)]
    groups, known = _numbered(names, paths)
    return Patients(
        groups=groups,
        names=_shown(known, pseudonymise=options.pseudonymise),
        how=found.how,
        notes=(*notes, *unknown),
    )


def _unasked(column: PatientColumn | None, facts: Sequence[FileFacts]) -> tuple[_Found | None, tuple[str, ...]]:
    """What a table says, or headers do; and why headers do not."""
    if column is not None and any(value is not None for value in column.values):
        return _by_column(column), ()
    headers = names_by_headers(facts, asked=False) if facts else None
    if headers is None or not headers.names:
        told = headers is not None and any(one.patient for one in facts)
        return None, (f"{headers.problem}: not used",) if headers is not None and told else ()
    how = "the headers' series" if headers.problem else "the headers' PatientID"
    notes = (f"{headers.problem}: series are kept together",) if headers.problem else ()
    return _Found(names=headers.names, how=how, why_unknown=headers.why), notes


def _asked(
    paths: Sequence[str],
    group: str,
    column: PatientColumn | None,
    facts: Sequence[FileFacts],
    is_aside: Callable[[str], bool],
) -> _Found:
    if column is not None and column.name == group:
        if all(value is None for value in column.values):
            raise DataError(f"group={group!r}: the column names no patient of these files; give another")
        return _by_column(column)
    if group == DICOM:
        headers = names_by_headers(facts, asked=True)
        if headers.problem:
            raise DataError(f"group=dicom: {headers.problem}; give a column, a pattern, folder or none")
        return _Found(names=headers.names, how="the headers' PatientID", why_unknown=headers.why)
    if group == FOLDER:
        return _Found(names=names_by_folder(paths, is_aside), how="folders", why_unknown="in no folder of a patient")
    names = names_by_pattern(paths, group)
    return _Found(names=names, how=f"the pattern {group}", why_unknown="the pattern does not match")


def _by_column(column: PatientColumn) -> _Found:
    return _Found(names=column.values, how=f"the column {column.name}", why_unknown="the table names no patient")


def _numbered(names: Sequence[str], paths: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """A number for each name, by the first of its paths: it depends neither on names nor on their pseudonyms."""
    order = sorted(range(len(paths)), key=lambda row: (unicodedata.normalize("NFC", paths[row]), paths[row]))
    number: dict[str, int] = {}
    for row in order:
        number.setdefault(unicodedata.normalize("NFC", names[row]), len(number))
    groups = [number[unicodedata.normalize("NFC", name)] for name in names]
    return np.array(groups, dtype=np.int64), list(number)


def _shown(names: Sequence[str], *, pseudonymise: bool) -> tuple[str, ...]:
    """Pseudonyms; unless they are refused, when series alone, whose numbers nobody may read, have them."""
    if not pseudonymise and not any(name.startswith(SERIES) for name in names):
        return tuple(names)
    hidden = pseudonyms_of(names, find_salt())
    if pseudonymise:
        return hidden
    return tuple(pseudonym if name.startswith(SERIES) else name for name, pseudonym in zip(names, hidden, strict=True))

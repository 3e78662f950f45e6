"""Whose images are, by what their files' headers say.

Covers: PatientID of DICOM files, those that cannot be patients', and series where there is no patient. Does not cover:
reading headers (`fastssl.data.reading`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastssl.data.reading.samples import FileFacts

from .nobody import stands_for_nobody

SERIES = "\0series "
"""Comes before the study or series that stands for a patient; no PatientID begins so."""
MOST_OF_ONE = 20
"""Files of a set above which one PatientID for all of them is hardly one patient's."""


@dataclass(frozen=True, kw_only=True)
class HeaderNames:
    """What headers say of patients.

    Args:
        names: the patient of each file; None where headers do not say it. Empty where they say it of none.
        why: what is wrong with the others, for a person; "" where nothing is.
        problem: why no PatientID is used, in one line; "" where some are.
    """

    names: list[str | None]
    why: str = ""
    problem: str = ""


def names_by_headers(facts: Sequence[FileFacts], *, asked: bool) -> HeaderNames:
    """Find patients by PatientID; files without one that are of one study or series are one patient's.

    An id that stands for nobody ("", "0", "ANONYMOUS", "xxxx") is not used, nor is one for all of more than 20 files,
    which is what removing names leaves behind.

    Args:
        facts: of each file, as its header has them.
        asked: PatientID was asked for, so that one for all files is taken as it is.

    Returns:
        The patients. No text in it but `names` has anything of a header.
    """
    ids = [one.patient.strip(" \0\t\r\n") for one in facts]
    usable = [patient if patient and not stands_for_nobody(patient) else None for patient in ids]
    kinds = {patient for patient in usable if patient is not None}
    if len(kinds) == 1 and None not in usable and len(usable) > MOST_OF_ONE and not asked:
        why = f"all {len(usable)} files have one PatientID, which tells no patients apart"
        return _by_series(facts, [None] * len(usable), f"{why} (if it is one patient, --group dicom)")
    if not kinds:
        return _by_series(facts, usable, "no file has a PatientID that stands for a patient")
    return HeaderNames(names=_with_series(facts, usable), why="no PatientID, or one that stands for nobody")


def _by_series(facts: Sequence[FileFacts], nobody: list[str | None], problem: str) -> HeaderNames:
    """Studies or series in the place of patients, where there are several and one of them has several files."""
    series = {_visit(one) for one in facts if _visit(one)}
    if len(series) < 2 or len(series) == len(facts):
        return HeaderNames(names=[], problem=problem)
    return HeaderNames(names=_with_series(facts, nobody), why="no PatientID, study or series", problem=problem)


def _with_series(facts: Sequence[FileFacts], names: list[str | None]) -> list[str | None]:
    """Names as they are, and the study or series of files without one."""
    return [
        name if name is not None else f"{SERIES}{_visit(one)}" if _visit(one) else None
        for name, one in zip(names, facts, strict=True)
    ]


def _visit(facts: FileFacts) -> str:
    """The study, all of which is of one patient, else the series; "" where neither is known."""
    return facts.study or facts.series

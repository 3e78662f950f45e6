"""Whose the files of a folder are, as its table, headers and layout say.

Covers: putting these together. Does not cover: ways to find patients and to divide them (`patients`, `splits.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from .headers import FileHeaders
from .layout import FolderLayout
from .layout.cases import case_of
from .layout.placement import WHOLE
from .layout.split_names import split_name
from .layout.words import composed
from .patients import PatientColumn, PatientOptions, Patients, find_patients
from .reading.samples import FileFacts
from .reading.volumes import VOLUME_SUFFIXES
from .tables import TableMatch

CASES = "cases: volumes and films, by their names"
"""What stands for patients where nothing says whose the slices of a volume are: they are at least one patient's."""
NOBODY_KNOWN = (
    "nothing says which images are one patient's: split by file; if patients have several images, give --group"
)


@dataclass(frozen=True, kw_only=True)
class TablePatients:
    """A table's column of patients.

    Args:
        name: of the column.
        patient_of: file -> patient, "" where it is not known.
    """

    name: str
    patient_of: Mapping[str, str]

    @classmethod
    def of(cls, match: TableMatch, files: Sequence[str], options: PatientOptions) -> TablePatients | None:
        """Return what a table says of patients; None where it has no such column.

        Args:
            match: of the table's rows with the files.
            files: N, in the order of the match.
            options: may name the column.
        """
        if match.groups is None:
            return None
        name = options.group if match.group_is_named and options.group else match.group_column
        return cls(name=name, patient_of=dict(zip(files, match.groups, strict=True)))

    def column(self, files: Sequence[str]) -> PatientColumn:
        """Return the column for some of these files, in their order."""
        return PatientColumn(name=self.name, values=[self.patient_of[file] or None for file in files])


def patients_of_files(
    layout: FolderLayout, headers: FileHeaders, table: TablePatients | None, options: PatientOptions
) -> Patients:
    """Find the patient of each file of a folder.

    Args:
        layout: of the folder, N files.
        headers: of the files.
        table: what a table says; None for nothing.
        options: what is asked for.

    Returns:
        The patients, in the layout's order.

    Raises:
        DataError: what is asked for finds no patient, or the salt of pseudonyms cannot be kept.
    """
    facts = [headers.known[file].facts if file in headers.known else FileFacts() for file in layout.files]
    column = None if table is None else table.column(layout.files)
    found = find_patients(layout.files, options, column=column, facts=facts, is_aside=_aside(layout))
    several = any(file in headers.known and headers.known[file].frames > 1 for file in layout.files)
    if found.groups is None and options.group is None and several:
        cases = [case_of(file) if file.lower().endswith(VOLUME_SUFFIXES) else file for file in layout.files]
        column = PatientColumn(name=CASES, values=cases)
        own = find_patients(layout.files, options, column=column)
        return replace(own, how=CASES, notes=(*found.notes, *own.notes))
    return found


def _aside(layout: FolderLayout) -> Callable[[str], bool]:
    """Whether a folder is a split or a class, by its name."""
    classes, whole = set(layout.class_names), WHOLE in layout.splits

    def is_aside(folder: str) -> bool:
        if composed(folder) in classes:
            return True
        named = None if whole else split_name(folder)
        return named is not None and named.plain

    return is_aside

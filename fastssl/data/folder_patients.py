"""Whose the files of a folder are, and their division by patient.

Covers: finding patients by the folder's layout, dividing whole patients where the layout has no splits, and what is
said of it. Does not cover: ways to find patients and to divide them (`patients`, `splits.py`), patients in two of the
folder's own splits, which show once it is known which files can be read (`folder.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from .layout import FolderLayout
from .layout.split_names import split_name
from .layout.words import composed
from .patients import PatientColumn, PatientOptions, Patients, find_patients
from .patients.options import NOBODY
from .reading.samples import FileFacts
from .splits import assign_splits, notes_on_few_patients

NOBODY_KNOWN = (
    "nothing says which images are one patient's: split by file; if patients have several images, give --group"
)


def keep_patients_together(
    layout: FolderLayout,
    options: PatientOptions,
    *,
    column: PatientColumn | None = None,
    facts: Sequence[FileFacts] = (),
    images: np.ndarray | None = None,
) -> tuple[FolderLayout, Patients]:
    """Find the patients of a folder's files, and divide by them what has no splits.

    Args:
        layout: of the folder, N files.
        options: what is asked for.
        column: of the folder's table, N values in the layout's order; None without any.
        facts: N, of the files' headers, in the layout's order; empty where none were read.
        images: `[N]`, how many images each file has; None: one.

    Returns:
        The layout, and the patients of its files in its order.

    Raises:
        DataError: what is asked for finds no patient, or the salt of pseudonyms cannot be kept.
    """
    found = find_patients(layout.files, options, column=column, facts=facts, is_aside=_aside(layout))
    if not layout.divided:
        return layout, found
    if found.groups is None:
        notes = () if options.group == NOBODY else (NOBODY_KNOWN,)
        return layout, replace(found, notes=(*found.notes, *notes))
    layout, order = layout.with_splits(assign_splits(layout.files, layout.labels, found.groups, images))
    groups = found.groups[order]
    few = notes_on_few_patients(layout.labels, groups, layout.class_names)
    return layout, replace(found, groups=groups, notes=(*found.notes, *few))


def _aside(layout: FolderLayout) -> Callable[[str], bool]:
    """Whether a folder is a split or a class, by its name."""
    classes = set(layout.class_names)

    def is_aside(folder: str) -> bool:
        if composed(folder) in classes:
            return True
        named = None if layout.divided else split_name(folder)
        return named is not None and named.plain

    return is_aside

"""What a folder holds, put together from its names, the headers of its files and a table.

Covers: each step from files to images with a label, a split and a patient, and the order of the steps. Does not cover:
each source of facts (`layout`, `headers`, `tables`, `patients`), pixels (`packing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fastssl.errors import DataError

from .folder_patients import NOBODY_KNOWN, TablePatients, patients_of_files
from .headers import FileHeaders, read_headers
from .layout import FolderLayout, divided, list_folder
from .layout.placement import WHOLE
from .layout.split_names import TRAIN
from .packing import PackItem
from .patients import PatientOptions, Patients
from .patients.options import NOBODY
from .reading import ReadingOptions
from .reading.dicom import describe_no_images, modality_words
from .reading.samples import FileFacts
from .reading.volumes import VOLUME_SUFFIXES
from .series import items_of
from .source import Task
from .splits import SPLITS
from .tables import LEFT_OUT, TableMatch, TableOptions, match_table, read_table

Notify = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class FolderContents:
    """The files of a folder that are decoded, sorted by split and series, and what is known of each.

    Args:
        root: the folder.
        items: N files.
        headers: of all files.
        splits: of each item.
        labels: int64 `[N]` or `[N, L]`; -1 where not known.
        class_names: by index or column; empty where there are no labels.
        task: in MedMNIST's words.
        groups: int64 `[N]`, a number for each patient; None where it is not known.
        group_names: by that number.
        patients_by: what says whose the images are; "" where nothing does.
        scans: some files are of a series, a volume, or say their modality.
        modality: in words; "unknown" where no header says it.
        label_problem: why a table's labels cannot be used; "" if nothing is wrong.
        passed_over: ending -> number of files of other kinds.
        notes: a line for each thing that its user should know.
    """

    root: Path
    items: tuple[PackItem, ...]
    headers: FileHeaders
    splits: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    task: Task
    groups: np.ndarray | None = None
    group_names: tuple[str, ...] = ()
    patients_by: str = ""
    scans: bool = False
    modality: str = "unknown"
    label_problem: str = ""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_contents(
    path: Path,
    options: ReadingOptions,
    *,
    table: TableOptions | None = None,
    patients: PatientOptions | None = None,
    notify: Notify | None = None,
) -> FolderContents:
    """Find out what a folder holds; no image is decoded.

    A table's labels, splits and patients come before those that folders and headers say.

    Args:
        path: of the folder.
        options: how files are read.
        table: of the images; None for none.
        patients: how they are told apart; None: as `PatientOptions` has it.
        notify: called with one line of text about the progress; None keeps quiet.

    Returns:
        The contents.

    Raises:
        DataError: there is no image, names or rows contradict each other, or the cache cannot be written.
    """
    patients = patients or PatientOptions()
    match, layout = _listed(path, table, patients)
    headers = read_headers(layout.root, layout.files, options, patients=patients, notify=notify)
    layout = _without_reports(layout, headers)
    whose = None if match is None else match.patients
    found = patients_of_files(layout, headers, whose, patients)
    frames = np.array([headers.known[file].frames if file in headers.known else 1 for file in layout.files])
    split = divided(layout, found.groups, frames, strict=match is None)
    contents = _in_order(split, layout, headers, options, found)
    by_file = WHOLE in layout.splits and layout.class_names and found.groups is None
    nobody = (NOBODY_KNOWN,) if by_file and patients.group != NOBODY else ()
    problem = "" if match is None or layout.class_names else match.label_problem
    if TRAIN not in contents.splits:
        raise DataError(
            f"{table.path if table else path}: no image is of the train split; write train in the rows of some"
        )
    return replace(contents, label_problem=problem, notes=(*contents.notes, *nobody))


def _without_reports(layout: FolderLayout, headers: FileHeaders) -> FolderLayout:
    """Leave out files that hold no image, such as the reports among DICOM files, and say how many they are."""
    empty = [file for file in layout.files if file in headers.known and not headers.known[file].frames]
    if not empty:
        return layout
    note = describe_no_images(headers.known[file].facts.modality for file in empty)
    gone = set(empty)
    rows = [row for row, file in enumerate(layout.files) if file not in gone]
    if not rows:
        raise DataError(f"{layout.root}: {note}, and there are no other files")
    return replace(layout.ordered(rows), notes=(*layout.notes, note))


@dataclass(frozen=True, kw_only=True)
class _Described:
    """What a table says of a folder: its patients, and why its labels cannot be used."""

    patients: TablePatients | None
    label_problem: str


def _listed(path: Path, table: TableOptions | None, patients: PatientOptions) -> tuple[_Described | None, FolderLayout]:
    """What folders say, or a table in their place: its labels for their classes, its splits for theirs."""
    if table is None:
        return None, list_folder(path)
    whole = list_folder(path, classes=False, splits=False)
    match = _match(table, patients, whole, path)
    both = match.labels is not None and match.splits is not None
    layout = whole if both else list_folder(path, classes=match.labels is None)
    described = _Described(patients=TablePatients.of(match, whole.files, patients), label_problem=match.label_problem)
    return described, _by_table(layout, whole.files, match)


def _match(options: TableOptions, patients: PatientOptions, layout: FolderLayout, path: Path) -> TableMatch:
    """What a table says of the files; --group names its column of patients, unless it is a word or a pattern."""
    table = read_table(options)
    named = patients.group if patients.group is not None and table.has(patients.group) else None
    return match_table(table, replace(options, group_column=named), layout.files, layout.root, (path,))


def _by_table(layout: FolderLayout, matched: Sequence[str], match: TableMatch) -> FolderLayout:
    """Put what a table says in the place of what folders say; files of which it names no split are left out."""
    place = {file: row for row, file in enumerate(matched)}
    rows = [place[file] for file in layout.files]
    layout = replace(layout, notes=(*layout.notes, *match.notes))
    if match.labels is not None:
        layout = replace(layout, labels=match.labels[rows], class_names=match.class_names, task=match.task)
    if match.splits is None:
        return layout
    splits = tuple(match.splits[row] for row in rows)
    return replace(layout, splits=splits).ordered([row for row, split in enumerate(splits) if split != LEFT_OUT])


def _in_order(
    split: FolderLayout, layout: FolderLayout, headers: FileHeaders, options: ReadingOptions, found: Patients
) -> FolderContents:
    """Put the files of each split in the order of their series; of a series every n-th may be taken."""
    items, rows = [], []
    for name in SPLITS:
        own = [row for row, other in enumerate(split.splits) if other == name]
        taken, places = items_of([split.files[row] for row in own], headers.known, options)
        items += taken
        rows += [own[place] for place in places]
    ordered = split.ordered(rows)
    group_of = None if found.groups is None else dict(zip(layout.files, found.groups.tolist(), strict=True))
    return FolderContents(
        root=split.root,
        items=tuple(items),
        headers=headers,
        splits=ordered.splits,
        labels=ordered.labels,
        class_names=split.class_names,
        task=split.task,
        groups=None if group_of is None else np.array([group_of[file] for file in ordered.files], dtype=np.int64),
        group_names=found.names,
        patients_by=found.how,
        scans=any(
            header.facts != FileFacts() or file.lower().endswith(VOLUME_SUFFIXES)
            for file, header in headers.known.items()
        ),
        modality=_modality(ordered.files, headers),
        passed_over=split.passed_over,
        notes=(*split.notes, *found.notes),
    )


def _modality(files: Sequence[str], headers: FileHeaders) -> str:
    codes = [headers.known[file].facts.modality for file in files if file in headers.known]
    if not any(codes):
        return "unknown"
    return modality_words(filter(None, codes)) or "unknown"

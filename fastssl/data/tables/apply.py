"""A folder of images that a table describes.

Covers: labels, splits and patients of the table in place of what folders say; what the table does not say, folders do.
Does not cover: matching (`match.py`), patients kept together where splits are made (`fastssl.data.patients`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fastssl.data.labels.values import UNLABELLED
from fastssl.data.layout import FolderLayout, read_layout
from fastssl.data.layout.rows import SPLITS
from fastssl.data.layout.split_names import TRAIN
from fastssl.data.layout.words import composed
from fastssl.data.splits import assign_splits
from fastssl.errors import DataError

from .match import LEFT_OUT, TableMatch, match_table
from .options import TableOptions
from .read import read_table


def read_described_layout(root: Path, options: TableOptions) -> FolderLayout:
    """Find the images in a folder, and what a table says about them.

    Labels of the table stand in place of classes by folders, and its splits in place of train, val and test folders.
    Where it has labels and neither has splits, labelled images are divided by the hash of their paths, every class by
    itself; unlabelled ones are for training.

    Args:
        root: the folder.
        options: the table.

    Returns:
        The layout, sorted by split and path. No image is opened.

    Raises:
        DataError: there is no image, the table cannot be read or does not fit the files, or no image is to train on.
    """
    table = read_table(options)
    whole = read_layout(root, classes=False, splits=False)
    match = match_table(table, options, whole.files, whole.root, (root,))
    if match.labels is not None and match.splits is not None:
        layout = whole
    else:
        layout = read_layout(root, classes=match.labels is None)
    place = {file: index for index, file in enumerate(whole.files)}
    described = described_by(layout, match, [place[file] for file in layout.files])
    if TRAIN not in described.splits:
        raise DataError(f"{options.path}: no image is of the train split; write train in the rows of some")
    return described


def described_by(layout: FolderLayout, match: TableMatch, rows: Sequence[int]) -> FolderLayout:
    """Put what a table says in place of what folders say.

    Args:
        layout: of the folder, without classes where the table has labels.
        match: the table's.
        rows: N, the place of each file of the layout among those that were matched.

    Returns:
        The layout, sorted by split and path, without the files that the table leaves out.
    """
    own = np.asarray(rows, dtype=np.int64)
    splits = list(layout.splits) if match.splits is None else [match.splits[row] for row in rows]
    labels, task, names = layout.labels, layout.task, layout.class_names
    if match.labels is not None:
        labels, task, names = match.labels[own], match.task, match.class_names
        if match.splits is None and set(splits) == {TRAIN}:
            splits = _divided(layout.files, labels)
    kept = [row for row, split in enumerate(splits) if split != LEFT_OUT]
    kept.sort(key=lambda row: (SPLITS.index(splits[row]), composed(layout.files[row]), layout.files[row]))
    return replace(
        layout,
        files=tuple(layout.files[row] for row in kept),
        splits=tuple(splits[row] for row in kept),
        labels=labels[kept],
        class_names=names,
        task=task,
        patients=None if match.groups is None else tuple(match.groups[own[row]] for row in kept),
        label_problem=match.label_problem if task == "none" else "",
        notes=(*layout.notes, *match.notes),
    )


def _divided(files: Sequence[str], labels: np.ndarray) -> list[str]:
    """Splits of the labelled images by the hashes of their paths; of classes by themselves if an image has one."""
    known = np.flatnonzero((labels.reshape(len(labels), -1) != UNLABELLED).any(axis=1))
    classes = labels[known] if labels.ndim == 1 else np.zeros(len(known), dtype=np.int64)
    splits = [TRAIN] * len(files)
    for row, split in zip(known.tolist(), assign_splits([files[row] for row in known.tolist()], classes), strict=True):
        splits[row] = split
    return splits

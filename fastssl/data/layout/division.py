"""Dividing the images of a folder that has classes and no splits.

Covers: every image's split, and the order that follows from it. Does not cover: how the splits are chosen
(`fastssl.data.splits`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastssl.data.splits import SPLITS, assign_splits, notes_on_few_patients
from fastssl.errors import DataError

from .listing import FolderLayout
from .placement import WHOLE
from .repeats import note_on_repeats
from .split_names import TRAIN
from .walk import some
from .words import composed


def divided(
    layout: FolderLayout, groups: np.ndarray | None = None, images: np.ndarray | None = None, *, strict: bool = True
) -> FolderLayout:
    """Give every image its split, where the folder has no splits; without labels all are for training.

    Args:
        layout: of a folder.
        groups: int64 `[N]`, a number for each patient, who are not divided; None: each file by itself.
        images: int64 `[N]`, how many images each file has; None: one.
        strict: refuse classes with a single image, which folders for something else look like.

    Returns:
        The layout, sorted by split and path.

    Raises:
        DataError: a class has a single image to split.
    """
    if WHOLE in layout.splits:
        if not layout.class_names:
            layout = replace(layout, splits=(TRAIN,) * len(layout.files))
        else:
            if strict and groups is None:
                _check_classes(layout)
            few = () if groups is None else notes_on_few_patients(layout.labels, groups, layout.class_names)
            chosen = assign_splits(layout.files, layout.labels, groups, images)
            layout = replace(layout, splits=tuple(chosen), notes=(*layout.notes, *few))
    files, splits = layout.files, layout.splits
    order = sorted(range(len(files)), key=lambda row: (SPLITS.index(splits[row]), composed(files[row]), files[row]))
    layout = layout.ordered(order)
    if layout.linked and (note := note_on_repeats(layout.root, dict(zip(layout.files, layout.splits, strict=True)))):
        return replace(layout, notes=(*layout.notes, note))
    return layout


def _check_classes(layout: FolderLayout) -> None:
    classes, counts = np.unique(layout.labels[layout.labels >= 0], return_counts=True)
    alone = [layout.files[np.flatnonzero(layout.labels == label)[0]] for label in classes[counts == 1]]
    if alone:
        raise DataError(
            f"{layout.root}: {len(alone)} of {len(classes)} classes have a single image, too few to split "
            f"({some(alone)}); add images, or put all images into one folder if the subfolders are not classes"
        )

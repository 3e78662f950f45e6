"""Dividing the images of a folder that has classes and no splits.

Covers: every image's split, and the order that follows from it. Does not cover: how the splits are chosen
(`fastssl.data.splits`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastssl.data.splits import assign_splits
from fastssl.errors import DataError

from .listing import FolderLayout
from .placement import WHOLE
from .repeats import note_on_repeats
from .split_names import TEST, TRAIN, VAL
from .walk import some
from .words import composed

SPLITS = (TRAIN, VAL, TEST)


def divided(layout: FolderLayout) -> FolderLayout:
    """Give every image its split: what has classes and no splits is divided by the hash of its path.

    Args:
        layout: of a folder.

    Returns:
        The layout, sorted by split and path.

    Raises:
        DataError: a class has a single image to split.
    """
    if WHOLE in layout.splits:
        _check_classes(layout)
        layout = replace(layout, splits=tuple(assign_splits(layout.files, layout.labels)))
    files, splits = layout.files, layout.splits
    order = sorted(range(len(files)), key=lambda row: (SPLITS.index(splits[row]), composed(files[row]), files[row]))
    layout = layout.ordered(order)
    if layout.linked and (note := note_on_repeats(layout.root, dict(zip(layout.files, layout.splits, strict=True)))):
        return replace(layout, notes=(*layout.notes, note))
    return layout


def _check_classes(layout: FolderLayout) -> None:
    classes, counts = np.unique(layout.labels, return_counts=True)
    alone = [layout.files[np.flatnonzero(layout.labels == label)[0]] for label in classes[counts == 1]]
    if alone:
        raise DataError(
            f"{layout.root}: {len(alone)} of {len(classes)} classes have a single image, too few to split "
            f"({some(alone)}); add images, or put all images into one folder if the subfolders are not classes"
        )

"""The images of a set one by one: split, class and path.

Covers: what lies outside splits and classes, a set of a single class, dividing what has no splits. Does not cover:
which folder is which split or class (`placement.py`, `classes.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fastssl.data.splits import assign_splits
from fastssl.errors import DataError

from .no_classes import MANY
from .placement import WHOLE
from .split_names import TEST, TRAIN, VAL
from .walk import some
from .words import composed

SPLITS = (TRAIN, VAL, TEST)


@dataclass(frozen=True, kw_only=True)
class ImageRow:
    """One image of a set.

    Args:
        split: "train", "val", "test", or `WHOLE` before it is divided.
        name: of its class; "" where it has none.
        path: of the file, relative to the set's folder.
    """

    split: str
    name: str
    path: str


def in_classes(rows: Sequence[ImageRow], root: Path) -> tuple[list[ImageRow], list[str]]:
    """Give every image its split, and leave out images next to the class folders of their split.

    Args:
        rows: of all images.
        root: the folder of the set, for errors.

    Returns:
        Rows with splits, sorted by split and path, and a line for each kind of thing that was left out.

    Raises:
        DataError: a class has a single image to split.
    """
    names = sorted({row.name for row in rows if row.name})
    notes = []
    if len(names) < 2 or _one_each(rows):
        notes.append(f"a single class, {names[0]}; taken as unlabelled" if len(names) == 1 else "")
        notes.append(f"{len(names)} folders hold one image each: no classes; taken as unlabelled" * (len(names) > 1))
        kept = [replace(row, name="", split=row.split or TRAIN) for row in rows]
    else:
        kept = []
        for split in dict.fromkeys(row.split for row in rows):
            own = [row for row in rows if row.split == split]
            inside = [row for row in own if row.name] or own
            kept += inside
            if len(inside) < len(own):
                outside = [row.path for row in own if not row.name]
                place = f"{split}: " if split != WHOLE else ""
                notes.append(f"{place}{len(outside)} images outside the class folders are left out ({some(outside)})")
        if kept[0].split == WHOLE:
            kept = _divided(kept, root)
    return sorted(kept, key=lambda row: (SPLITS.index(row.split), composed(row.path), row.path)), notes


def _one_each(rows: Sequence[ImageRow]) -> bool:
    """Whether many folders hold a single image each, as those of nuclei of the Data Science Bowl."""
    counts = Counter(row.name for row in rows if row.name and row.split in (WHOLE, TRAIN))
    return len(counts) >= MANY and max(counts.values()) == 1


def _divided(rows: Sequence[ImageRow], root: Path) -> list[ImageRow]:
    """The same images in splits by the hash of their paths."""
    names, paths = [row.name for row in rows], [row.path for row in rows]
    classes, labels, counts = np.unique(np.array(names, dtype=object), return_inverse=True, return_counts=True)
    if counts.min() == 1:
        alone = [paths[names.index(name)] for name in classes[counts == 1].tolist()]
        raise DataError(
            f"{root}: {len(alone)} of {len(classes)} classes have a single image, too few to split ({some(alone)}); "
            "add images, or put all images into one folder if the subfolders are not classes"
        )
    splits = assign_splits(paths, labels)
    return [replace(row, split=split) for row, split in zip(rows, splits, strict=True)]


def class_indices(rows: Sequence[ImageRow]) -> Mapping[str, int]:
    """Return class name -> index, sorted by name.

    Args:
        rows: of all images.
    """
    return {name: index for index, name in enumerate(sorted({row.name for row in rows if row.name}))}

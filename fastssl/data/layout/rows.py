"""The images of a set one by one: split, class and path.

Covers: what lies outside splits and classes, a set of a single class. Does not cover: which folder is which split or
class (`placement.py`, `classes.py`), dividing what has no splits (`division.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .no_classes import MANY
from .placement import WHOLE
from .split_names import TRAIN
from .walk import some


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


def in_classes(rows: Sequence[ImageRow]) -> tuple[list[ImageRow], list[str]]:
    """Leave out images next to the class folders of their split; images without classes are all for training.

    Args:
        rows: of all images.

    Returns:
        The rows that are left, and a line for each kind of thing that was left out.
    """
    names = sorted({row.name for row in rows if row.name})
    notes = []
    if len(names) < 2 or _one_each(rows):
        notes.append(f"a single class, {names[0]}; taken as unlabelled" if len(names) == 1 else "")
        notes.append(f"{len(names)} folders hold one image each: no classes; taken as unlabelled" * (len(names) > 1))
        kept = [replace(row, name="") for row in rows]
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
    return kept, notes


def _one_each(rows: Sequence[ImageRow]) -> bool:
    """Whether many folders hold a single image each, as those of nuclei of the Data Science Bowl."""
    counts = Counter(row.name for row in rows if row.name and row.split in (WHOLE, TRAIN))
    return len(counts) >= MANY and max(counts.values()) == 1


def class_indices(rows: Sequence[ImageRow]) -> Mapping[str, int]:
    """Return class name -> index, sorted by name.

    Args:
        rows: of all images.
    """
    return {name: index for index, name in enumerate(sorted({row.name for row in rows if row.name}))}

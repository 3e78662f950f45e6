"""Which files, classes and splits a folder of images has, by its layout.

Covers: the order in which names are read (files, masks, splits, classes). Does not cover: each of these steps, which is
a module of its own; opening any image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .case_folders import without_case_levels
from .classes import name_classes, note_on_empty
from .copies import notes_on_copies
from .levels import enter
from .masks import leave_out_masks
from .no_classes import note_on_numbers
from .placement import WHOLE, Placement, place_folders
from .repeats import note_on_repeats
from .rows import ImageRow, class_indices, in_classes
from .split_files import note_on_file_names
from .walk import Folder, find_images, some

UNLABELLED = -1
"""The label of an image without one."""


@dataclass(frozen=True, kw_only=True)
class FolderLayout:
    """The images in a folder, sorted by split (train, val, test) and path.

    Args:
        root: the folder.
        files: N paths relative to `root`, as they are on disk.
        splits: "train", "val" or "test" for each file.
        labels: int64 `[N]` class indices, -1 where a split has no class folders.
        class_names: sorted, in Unicode's composed form, with escapes for what cannot be shown; empty if no image has a
            label.
        passed_over: ending in lower case, or "no ending" -> number of files of other kinds.
        notes: a line for each thing that was left out or taken for something else.
    """

    root: Path
    files: tuple[str, ...]
    splits: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    passed_over: Mapping[str, int]
    notes: tuple[str, ...]


def read_layout(root: Path) -> FolderLayout:
    """Find the images in a folder, and their classes and splits by the subfolders that they are in.

    Folders of train, val and test images are taken as they are, above or below the classes; without them, class
    subfolders are split by `assign_splits`, and unlabelled images are all "train". Masks, hidden files and files of
    other kinds are left out. If everything is in one subfolder, that one is read instead, and a single class is no
    label.

    Args:
        root: the folder.

    Returns:
        The layout. No image is opened.

    Raises:
        DataError: there is no image, a class with a single image to split, or names that are half clear.
    """
    listing = find_images(root)
    masks = leave_out_masks(listing.images, root)
    entered = enter(masks.images)
    ways, said_of_cases = without_case_levels(entered.ways, masks.images)
    root = root.joinpath(*entered.root)
    sizes = {folder: len(names) for folder, names in masks.images.items()}
    placement = place_folders(ways, sizes, str(root))
    classes = name_classes(placement.groups, str(root))
    paths = {
        folder: ["/".join((*folder[len(entered.root) :], name)) for name in names]
        for folder, names in masks.images.items()
    }
    rows, said = in_classes(
        [
            ImageRow(split=split, name=classes.of[folder], path=path)
            for split, ways in placement.groups.items()
            for folder in ways
            for path in paths[folder]
        ],
        root,
    )
    index = class_indices(rows)
    notes = [*listing.notes, *masks.notes, *notes_on_copies(masks.images), *said_of_cases]
    notes += [*placement.notes, *classes.notes]
    notes += [_outside(paths, placement), *said]
    notes += [note_on_empty(placement.groups, listing), note_on_numbers(tuple(index))]
    notes += [note_on_file_names(row.path for row in rows)] if WHOLE in placement.groups else []
    notes += [note_on_repeats(root, {row.path: row.split for row in rows})] if listing.linked else []
    return FolderLayout(
        root=root,
        files=tuple(row.path for row in rows),
        splits=tuple(row.split for row in rows),
        labels=np.array([index.get(row.name, UNLABELLED) for row in rows], dtype=np.int64),
        class_names=tuple(index),
        passed_over=listing.passed_over,
        notes=tuple(filter(None, notes)),
    )


def _outside(paths: Mapping[Folder, list[str]], placement: Placement) -> str:
    """A line on the images that are in no split; "" where there are none."""
    inside = set().union(*placement.groups.values())
    outside = [path for folder, own in paths.items() if folder not in inside for path in own]
    if not outside:
        return ""
    place = "class folders" if WHOLE in placement.groups else "train, val and test folders"
    return f"{len(outside)} images outside the {place} are left out ({some(outside)})"

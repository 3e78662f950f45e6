"""Which files, classes and splits a folder of images has, by its layout.

Covers: the order in which names are read (files, masks, splits, classes). Does not cover: each of these steps, which is
a module of its own; opening any image.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fastssl.data.source import Task

from .case_folders import without_case_levels
from .classes import name_classes, note_on_empty
from .copies import notes_on_copies
from .division import divided
from .levels import enter
from .listing import UNLABELLED, FolderLayout
from .masks import leave_out_masks
from .no_classes import note_on_numbers
from .placement import WHOLE, Placement, place_folders
from .rows import ImageRow, class_indices, in_classes
from .split_files import note_on_file_names
from .walk import Folder, find_images, some


def read_layout(root: Path) -> FolderLayout:
    """Find the images in a folder, their classes and splits, as `list_folder` does, and divide what has no splits.

    Args:
        root: the folder.

    Returns:
        The layout, sorted by split and path. No image is opened.

    Raises:
        DataError: there is no image, a class with a single image to split, or names that are half clear.
    """
    return divided(list_folder(root))


def list_folder(root: Path, *, classes: bool = True, splits: bool = True) -> FolderLayout:
    """Find the images in a folder, and their classes and splits by the subfolders that they are in.

    Folders of train, val and test images are taken as they are, above or below the classes; without them, images in
    class subfolders are still to be divided, and unlabelled images are all "train". Masks, hidden files and files of
    other kinds are left out. If everything is in one subfolder, that one is read instead, and a single class is no
    label.

    Args:
        root: the folder.
        classes: folders may be classes; else no image has a label, for something else than folders says which.
        splits: folders may be train, val and test; else all images are still to be divided.

    Returns:
        The layout. No image is opened.

    Raises:
        DataError: there is no image, or names that are half clear.
    """
    listing = find_images(root)
    masks = leave_out_masks(listing.images, root)
    entered = enter(masks.images)
    ways, said_of_cases = without_case_levels(entered.ways, masks.images)
    root = root.joinpath(*entered.root)
    sizes = {folder: len(names) for folder, names in masks.images.items()}
    scans = 2 * listing.scans > sum(map(len, listing.images.values()))
    whole = Placement(groups={WHOLE: ways}, notes=())
    placement = place_folders(ways, sizes, str(root), scans=scans) if splits else whole
    placement = placement if classes else placement.without_classes()
    named = name_classes(placement.groups, str(root))
    paths = {
        folder: ["/".join((*folder[len(entered.root) :], name)) for name in names]
        for folder, names in masks.images.items()
    }
    rows, said = in_classes(
        [
            ImageRow(split=split, name=named.of[folder], path=path)
            for split, ways in placement.groups.items()
            for folder in ways
            for path in paths[folder]
        ]
    )
    index = class_indices(rows)
    notes = [*listing.notes, *masks.notes, *notes_on_copies(masks.images), *said_of_cases]
    notes += [*placement.notes, *named.notes]
    notes += [_outside(paths, placement), *said]
    notes += [note_on_empty(placement.groups, listing) if classes else "", note_on_numbers(tuple(index))]
    notes += [note_on_file_names(row.path for row in rows)] if splits and WHOLE in placement.groups else []
    return FolderLayout(
        root=root,
        files=tuple(row.path for row in rows),
        splits=tuple(row.split for row in rows),
        labels=np.array([index.get(row.name, UNLABELLED) for row in rows], dtype=np.int64),
        class_names=tuple(index),
        task=task_of(len(index)),
        passed_over=listing.passed_over,
        linked=listing.linked,
        notes=tuple(filter(None, notes)),
    )


def task_of(classes: int) -> Task:
    """Return the task of images of one class each.

    Args:
        classes: how many there are.
    """
    if not classes:
        return "none"
    return "binary-class" if classes == 2 else "multi-class"


def _outside(paths: Mapping[Folder, list[str]], placement: Placement) -> str:
    """A line on the images that are in no split; "" where there are none."""
    inside = set().union(*placement.groups.values())
    outside = [path for folder, own in paths.items() if folder not in inside for path in own]
    if not outside:
        return ""
    place = "class folders" if WHOLE in placement.groups else "train, val and test folders"
    return f"{len(outside)} images outside the {place} are left out ({some(outside)})"

"""The split of every folder with images, and the level of its class.

Covers: splits above or below the classes, levels that are neither, what lies outside. Does not cover: masks
(`masks.py`), the names of classes (`classes.py`), dividing what has no splits (`fastssl.data.splits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .levels import Ways, below, heads, names_shared, past_loose, without_copies, without_wrappers
from .no_classes import pieces_of_one
from .scan_folders import are_of_patients
from .split_folders import refuse_splits_below
from .split_levels import are_common, splits_above, splits_below
from .split_names import TRAIN, split_name
from .walk import Folder, some

PATIENTS = "patients, studies or series"
WHOLE = ""
"""The split of everything in a set that is not divided yet."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where the folders of a set belong.

    Args:
        groups: split, or `WHOLE` alone -> its folders, each with its levels from the class downwards.
        notes: a line for each level that was taken for something else than classes.
    """

    groups: Mapping[str, Ways]
    notes: tuple[str, ...]

    def without_classes(self) -> Placement:
        """Return the same splits, with no folder that is a class."""
        return replace(self, groups={split: dict.fromkeys(ways, ()) for split, ways in self.groups.items()})


def place_folders(ways: Ways, sizes: Mapping[Folder, int], where: str, *, scans: bool = False) -> Placement:
    """Find the splits of a set and the level of its classes.

    Args:
        ways: folder -> its levels.
        sizes: folder -> number of images in it.
        where: the folder of the set, for errors.
        scans: most of the images are DICOM files, whose folders may be patients, studies and series.

    Returns:
        The folders by split; those that are in none are left out.

    Raises:
        DataError: names could be splits, folds or parts as well as classes, or a level is only in some folders.
    """
    ways = without_copies(past_loose(ways, sizes))
    if scans and are_of_patients(ways):  # before splits are looked for: their names may hold any word
        groups = {WHOLE: ways}
    else:
        groups = without_wrappers(splits_above(ways, where) or splits_below(ways, where) or {WHOLE: ways})
    notes = []
    if scans and are_of_patients(everything := {way: own for ways in groups.values() for way, own in ways.items()}):
        notes.append(f"{len(heads(everything))} folders are {PATIENTS}, no classes")  # names may be those of people
        groups = {split: dict.fromkeys(own, ()) for split, own in groups.items()}
    while kind := pieces_of_one(names := set().union(*map(heads, groups.values())), where):
        notes.append(f"{len(names)} folders ({some(sorted(names))}) are {kind}, no classes")
        groups = without_wrappers({split: below(own) for split, own in groups.items()})
    _refuse_deeper(groups, where)
    if shared := names_shared({folder: levels for own in groups.values() for folder, levels in own.items()}):
        notes.append(f"the folders below the classes ({some(sorted(shared))}) are read as parts of them")
    return Placement(groups=groups, notes=tuple(notes))


def _refuse_deeper(groups: Mapping[str, Ways], where: str) -> None:
    """Stop at folders that are called train below the level of the splits."""
    first = 1 if are_common(groups) else 0
    deeper = {
        folder[level]
        for own in groups.values()
        for folder, levels in own.items()
        for level in levels[first:]
        if (named := split_name(folder[level])) and named.plain and named.split == TRAIN
    }
    if deeper:
        refuse_splits_below(deeper, where)

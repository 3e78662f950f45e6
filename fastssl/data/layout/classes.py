"""The classes of folders, by name.

Covers: names in several forms of Unicode or in upper and lower case, folders of classes without images. Does not cover:
which level of folders is that of the classes (`placement.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from fastssl.errors import DataError
from fastssl.text import printable

from .endings import counted
from .levels import Ways
from .split_names import TRAIN
from .walk import Folder, ImageListing, some
from .words import composed


@dataclass(frozen=True, kw_only=True)
class ClassNames:
    """The class of every folder with images.

    Args:
        of: folder -> name of its class, as it can be shown; "" for folders outside classes.
        notes: a line for each kind of name that was taken for another, or is missing.
    """

    of: Mapping[Folder, str]
    notes: tuple[str, ...]


def name_classes(groups: Mapping[str, Ways], where: str) -> ClassNames:
    """Name the class of every folder.

    Args:
        groups: split -> folder -> levels from the class downwards.
        where: the folder of the set, for errors.

    Returns:
        The classes. Folders of different splits whose names differ in upper and lower case alone are one class.

    Raises:
        DataError: such folders are next to each other.
    """
    spelled: dict[str, dict[Folder, set[str]]] = defaultdict(lambda: defaultdict(set))
    shown: dict[str, str] = {}
    for split in sorted(groups, key=lambda split: split != TRAIN):
        for folder, levels in groups[split].items():
            if levels:
                name = composed(folder[levels[0]])
                spelled[_alike(name)][folder[: levels[0]]].add(name)
                shown.setdefault(_alike(name), printable(name.strip() or name))
    merged = {key: set().union(*places.values()) for key, places in spelled.items()}
    for places in spelled.values():
        if same := next((names for names in places.values() if len(names) > 1), None):
            raise DataError(
                f"{where}: folders {some(sorted(same))} have the same name but for upper and lower case or spaces; put "
                "them into one if they are one class, or rename one"
            )
    notes = [f"{some(sorted(names))} are one class" for names in merged.values() if len(names) > 1]
    of = {
        folder: shown[_alike(composed(folder[levels[0]]))] if levels else ""
        for own in groups.values()
        for folder, levels in own.items()
    }
    return ClassNames(of=of, notes=tuple(notes))


def _alike(name: str) -> str:
    return composed(name.casefold()).strip()


def note_on_empty(groups: Mapping[str, Ways], listing: ImageListing) -> str:
    """Say which folders next to those of classes hold no image.

    Args:
        groups: split -> folder -> levels from the class downwards.
        listing: all files of the set.

    Returns:
        One line; "" where there is no such folder.
    """
    parents = {folder[: levels[0]] for own in groups.values() for folder, levels in own.items() if levels}
    depths = {len(parent) for parent in parents}
    filled = {folder[: depth + 1] for folder in listing.images for depth in depths}
    empty: dict[Folder, Counter[str]] = defaultdict(Counter)
    for folder, endings in listing.others.items():
        for depth in depths:
            if depth < len(folder) and folder[:depth] in parents and folder[: depth + 1] not in filled:
                empty[folder[: depth + 1]].update(endings)
    lines = sorted(f"{'/'.join(folder)} ({counted(endings) or 'empty'})" for folder, endings in empty.items())
    return f"no image in {some(lines)}" if lines else ""

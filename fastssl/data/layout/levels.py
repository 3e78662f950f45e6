"""The levels of folders above the images that may be classes or splits.

Covers: the names on the way to each folder, without levels that say nothing: what holds everything, folders called
"images", a split in a split of its own name. Does not cover: which level is which (`placement.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from .split_names import split_name
from .walk import Folder
from .words import is_image_level

Levels = tuple[int, ...]
"""Indices into a folder's names: those on the way to it that still may mean something, from the top."""

Ways = dict[Folder, Levels]


@dataclass(frozen=True, kw_only=True)
class Entered:
    """A set whose outermost folder holds more than one folder, or a split.

    Args:
        root: the folder that was gone into, relative to the one that was given.
        ways: folder -> its levels below `root`.
    """

    root: Folder
    ways: Ways


def enter(folders: Collection[Folder]) -> Entered:
    """Go down into a subfolder that holds everything, as unpacked archives have it, unless it is a split.

    Args:
        folders: that hold images.

    Returns:
        Where that ends, with the levels below.
    """
    first, last = min(folders), max(folders)
    shared = (index for index, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    common = first[: next(shared, min(len(first), len(last)))]
    depth = next((index for index, name in enumerate(common) if _is_split(name)), len(common))
    ways = {folder: tuple(range(depth, len(folder))) for folder in folders}
    return Entered(root=common[:depth], ways=_without_image_levels(ways))


def heads(ways: Mapping[Folder, Levels]) -> set[str]:
    """Return the names at the first level; folders without a level have none."""
    return {folder[levels[0]] for folder, levels in ways.items() if levels}


def below(ways: Mapping[Folder, Levels]) -> Ways:
    """Return the same folders without the first level."""
    return {folder: levels[1:] for folder, levels in ways.items()}


def by_head(ways: Mapping[Folder, Levels]) -> dict[str, Ways]:
    """Return the folders by the name at their first level; those without a level are left out."""
    found: dict[str, Ways] = defaultdict(dict)
    for folder, levels in ways.items():
        if levels:
            found[folder[levels[0]]][folder] = levels
    return dict(found)


def past_loose(ways: Ways, sizes: Mapping[Folder, int]) -> Ways:
    """Go into the one folder that has folders in it, past fewer images next to it than it holds.

    Args:
        ways: folder -> its levels.
        sizes: folder -> number of images in it.

    Returns:
        The folders inside, with their levels below; the same `ways` where there is no such folder.
    """
    inside = {folder: levels for folder, levels in ways.items() if levels}
    names = heads(inside)
    if len(inside) == len(ways) or len(names) != 1 or any(map(split_name, names)) or len(heads(below(inside))) < 2:
        return ways
    within = sum(sizes[folder] for folder in inside)
    if 2 * within < sum(sizes[folder] for folder in ways):
        return ways
    return below(inside)


def without_wrappers(groups: Mapping[str, Ways]) -> dict[str, Ways]:
    """Leave out levels in splits that are no classes.

    A single folder of a split that repeats its name (train/train/) is none, nor is a single folder in each split
    (train/data/, test/data/) if the same folders, which may be classes, are in several of them.

    Args:
        groups: split -> its folders, with the levels below the split.

    Returns:
        The same without these levels.
    """
    groups = dict(groups)
    for split, ways in groups.items():
        while (single := _single(ways)) and (named := split_name(single)) and named.split == split:
            groups[split] = ways = below(ways)
    while all(map(_single, groups.values())) and _shared([heads(below(ways)) for ways in groups.values()]):
        groups = {split: below(ways) for split, ways in groups.items()}
    return groups


def without_copies(ways: Ways) -> Ways:
    """Leave out a copy of the set in itself, as archives have it: a folder in which several next to it are again.

    Args:
        ways: folder -> its levels.
    """
    names = heads(ways)
    copies = {name for name, own in by_head(ways).items() if len(heads(below(own)) & (names - {name})) > 1}
    if len(names) - len(copies) < 2:
        return ways
    return {folder: levels for folder, levels in ways.items() if not levels or folder[levels[0]] not in copies}


def names_shared(ways: Mapping[Folder, Levels]) -> set[str]:
    """Return the names of folders at the second level that are in several folders of the first, if these are two."""
    return _shared([heads(below(own)) for own in by_head(ways).values()])


def _shared(groups: Iterable[set[str]]) -> set[str]:
    """Names that are in at least two groups, if these are at least two."""
    seen: set[str] = set()
    shared: set[str] = set()
    for names in groups:
        shared |= names & seen
        seen |= names
    return shared if len(shared) > 1 else set()


def _is_split(name: str) -> bool:
    named = split_name(name)
    return named is not None and named.plain


def _single(ways: Mapping[Folder, Levels]) -> str:
    """The name of the one folder that holds all images, or ""."""
    names = heads(ways)
    return names.pop() if len(names) == 1 and all(ways.values()) else ""


def _without_image_levels(ways: Ways) -> Ways:
    """Leave out folders called "images" that are all that the folders which hold them hold."""
    places = {folder[: index + 1] for folder in ways for index in range(len(folder)) if is_image_level(folder[index])}
    parents: dict[Folder, set[str]] = {place[:-1]: set() for place in places}
    if not parents:
        return ways
    depths = {len(parent) for parent in parents}
    for folder in ways:
        for depth in depths:
            if depth <= len(folder) and (names := parents.get(folder[:depth])) is not None:
                names.add(folder[depth] if depth < len(folder) else "")
    alone = {place for place in places if len(parents[place[:-1]]) == 1}
    return {
        folder: tuple(
            level for level in levels if not is_image_level(folder[level]) or folder[: level + 1] not in alone
        )
        for folder, levels in ways.items()
    }

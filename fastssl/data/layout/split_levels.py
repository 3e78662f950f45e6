"""The level of folders that says which split an image is of.

Covers: splits above the classes (train/covid), below them (covid/train), and stopping where only some folders have
them. Does not cover: the names (`split_folders.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastssl.errors import DataError

from .levels import Ways, below, by_head, heads, names_shared
from .split_folders import refuse_splits_below, splits_of
from .split_names import TRAIN, split_name
from .walk import some


def splits_above(ways: Ways, where: str) -> dict[str, Ways] | None:
    """Divide a set by its first level, if this is one of splits.

    Args:
        ways: folder -> its levels.
        where: the folder of the set, for errors.

    Returns:
        "train", "val", "test" -> the folders in it, with the levels below; None where the level is none of splits.

    Raises:
        DataError: it is half clear.
    """
    by_name = by_head(ways)
    divided = any(heads(below(own)) for name, own in by_name.items() if _is_train(name))
    splits = splits_of(by_name, where, divided=divided)
    if splits is None:
        return None
    groups = {split: below(by_name[name]) for name, split in splits.items()}
    for split, own in groups.items():
        names = heads(own)
        if len(names) > 1 and all(map(split_name, names)) and not are_common(groups):
            refuse_splits_below(names, f"{where}, {split}")
    return groups


def splits_below(ways: Ways, where: str) -> dict[str, Ways] | None:
    """Divide a set by its second level, if this is one of splits in every folder of the first.

    Args:
        ways: folder -> its levels.
        where: the folder of the set, for errors.

    Returns:
        "train", "val", "test" -> the folders in it, with all levels but this one; None where it is none of splits.

    Raises:
        DataError: it is half clear.
    """
    by_name = by_head(ways)
    inner = {name: by_head(below(own)) for name, own in by_name.items()}
    if not any(_could_be_splits(names) for names in inner.values()):
        return None
    groups: dict[str, Ways] = {}
    for name, own in inner.items():
        splits = splits_of(own, f"{where}, {name}", divided=False)
        if splits is None:
            refuse_splits_below({folder for names in inner.values() for folder in names if split_name(folder)}, where)
        for folder, split in splits.items():
            groups.setdefault(split, {}).update(
                {way: (ways[way][0], *levels[1:]) for way, levels in own[folder].items()}
            )
    if shared := names_shared({way: levels for own in groups.values() for way, levels in own.items()}):
        raise DataError(
            f"{where}: the classes could be {some(sorted(by_name))}, or {some(sorted(shared))} below the splits; give "
            "one of the first alone, or put folders train, val and test on top"
        )
    return groups


def are_common(groups: Mapping[str, Ways]) -> bool:
    """Tell whether two splits have a folder of the same name, which then is a class whatever it is called.

    Args:
        groups: split -> its folders.
    """
    named = [heads(ways) for ways in groups.values()]
    return sum(map(len, named)) > len(set().union(*named))


def _could_be_splits(names: Iterable[str]) -> bool:
    names = list(names)
    found = [split_name(name) for name in names]
    return any(map(_is_train, names)) or (len(names) > 1 and all(named is not None and named.plain for named in found))


def _is_train(name: str) -> bool:
    named = split_name(name)
    return named is not None and named.split == TRAIN

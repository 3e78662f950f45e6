"""What folders next to each other mean as splits.

Covers: that all of them, or some, are train, val and test, and stopping where it is half clear. Does not cover: the
words (`split_names.py`), where in the tree such folders are (`placement.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

from fastssl.errors import DataError

from .split_names import EVALUATION, TEST, TRAIN, UNCLEAR, VAL, SplitName, split_name
from .walk import some

REMEDY = "make folders train, val and test, or rename them if they are classes"


def splits_of(names: Iterable[str], where: str, *, divided: bool) -> dict[str, str] | None:
    """Tell which split each of the folders next to each other is.

    Args:
        names: of all folders in one place.
        where: that place, for errors.
        divided: the folders that are called train have folders of classes in them, so that others next to them can be
            no classes of the same kind.

    Returns:
        Name -> "train", "val" or "test", for those that are splits; None where no name says anything about splits.

    Raises:
        DataError: some could be splits but not all, several are one split, or none is train.
    """
    names = sorted(names)
    read = {name: found for name in names if (found := split_name(name)) is not None}
    if not read:
        return None
    others = [name for name in names if name not in read]
    plain = all(found.plain for found in read.values())
    if others and not (plain and divided and TRAIN in {found.split for found in read.values()}):
        raise DataError(
            f"{where}: {some(list(read))} could be a split, but {some(others)} next to it could not; {REMEDY}"
        )
    splits = {name: _without_evaluation(found.split, read) for name, found in read.items()}
    if TRAIN not in splits.values():
        raise DataError(
            f"{where} has {some(names)} but no train folder with images; {REMEDY}, or give that one folder alone"
        )
    if UNCLEAR in splits.values():
        unclear = [name for name in names if splits.get(name) == UNCLEAR]
        raise DataError(f"{where}: it is not clear which split {some(unclear)} is; {REMEDY}")
    _refuse_several(splits, where)
    _refuse_unlike(read, splits, where)
    return splits


def _without_evaluation(split: str, read: Mapping[str, SplitName]) -> str:
    """What "evaluation" means next to the others."""
    if split != EVALUATION:
        return split
    present = {found.split for found in read.values()}
    if (VAL in present) == (TEST in present):
        return UNCLEAR
    return TEST if VAL in present else VAL


def _refuse_several(splits: Mapping[str, str], where: str) -> None:
    for split in (TRAIN, VAL, TEST):
        same = [name for name, own in splits.items() if own == split]
        if len(same) > 1:
            raise DataError(
                f"{where}: {some(same)} could all be {split}; put them into one folder called {split}, or rename "
                "them if they are classes"
            )


def _refuse_unlike(read: Mapping[str, SplitName], splits: Mapping[str, str], where: str) -> None:
    """Stop where the names have different words besides the split, as train_normal and test_covid have."""
    train = next(found.rest for name, found in read.items() if splits[name] == TRAIN)
    rests = {found.rest for found in read.values()}
    if len(rests) > 1 and (train or len(rests) > 2):
        raise DataError(f"{where}: {some(list(read))} could be splits or classes; {REMEDY}")


def refuse_splits_below(names: Iterable[str], where: str) -> NoReturn:
    """Stop because folders called like splits lie where splits cannot be told.

    Args:
        names: of the folders.
        where: the place above them.

    Raises:
        DataError: always.
    """
    raise DataError(
        f"{where}: {some(sorted(names))} below its folders could be splits, but not all folders have them in the "
        "same way; give one of the folders alone, or make folders train, val and test"
    )

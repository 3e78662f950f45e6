"""Which images train, which choose when to stop, which are only for the final score.

Covers: the last names as test, names or counts asked for, whole patients, a file of splits.
Does not cover: finding images (`pairs.py`).

By default the last 30 % of the sorted names are the test images and the last 20 % of the others validate. Neighbours
in the order often show one person, so a split is never drawn at random: on CHASE_DB1 this is the usual one, images of
ten children for training and of four for the test, with two of the ten to validate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastssl.errors import ConfigError, DataError

TEST_SHARE, VAL_SHARE = 0.3, 0.2
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class SplitRequest:
    """How images are to be split.

    Attributes:
        test: names of images, or one number: how many of the last names. None: the default share.
        val: likewise, of the names that are left.
        patient: a regular expression; images with the same match (of its first group, if it has one) stay together.
        file: a file of lines `NAME,SPLIT`, which stands for all the others.
    """

    test: tuple[str, ...] | None = None
    val: tuple[str, ...] | None = None
    patient: str | None = None
    file: Path | None = None


def split_names(names: Sequence[str], request: SplitRequest) -> dict[str, list[str]]:
    """Split image names into "train", "val" and "test", none of them empty.

    Args:
        names: of all images, sorted.
        request: how they are to be split.

    Returns:
        Name of the split -> names of its images, in their order.

    Raises:
        DataError: the file of splits cannot be followed, or a split is left without an image.
        ConfigError: a name, a count or a pattern in `request` cannot be used.
    """
    if request.file is not None:
        parts = _read(request.file, names)
    else:
        patients = _patients(names, request.patient)
        rest, test = _take_last(names, request.test, TEST_SHARE, patients, "test_images")
        train, val = _take_last(rest, request.val, VAL_SHARE, patients, "val_images")
        parts = {"train": train, "val": val, "test": test}
    empty = [split for split in SPLITS if not parts[split]]
    if empty:
        raise DataError(f"{len(names)} image(s) leave none for {' and '.join(empty)}; every split needs one")
    return parts


def _take_last(
    names: Sequence[str], asked: tuple[str, ...] | None, share: float, patients: dict[str, str], setting: str
) -> tuple[list[str], list[str]]:
    """`names` without and with those asked for, whole patients at a time."""
    if asked is None:
        chosen = set(names[len(names) - max(1, round(share * len(names))) :])
    elif len(asked) == 1 and asked[0].isdigit():
        count = int(asked[0])
        if not 1 <= count < len(names):
            raise ConfigError([f"{setting}={count}: give 1 to {len(names) - 1} of {len(names)} images"])
        chosen = set(names[len(names) - count :])
    else:
        chosen = set(asked)
        unknown = sorted(chosen - set(names))
        if unknown:
            raise ConfigError([f"{setting}: no image is called {unknown[0]!r} (one is {names[0]!r})"])
    whole = {patients[name] for name in chosen}
    rest = [name for name in names if patients[name] not in whole]
    return rest, [name for name in names if patients[name] in whole]


def _patients(names: Sequence[str], pattern: str | None) -> dict[str, str]:
    """The patient of every image; without a pattern each image is one."""
    if pattern is None:
        return {name: name for name in names}
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigError([f"patient={pattern!r}: not a regular expression ({error})"]) from None
    found = {name: expression.search(name) for name in names}
    unmatched = [name for name, match in found.items() if match is None]
    if unmatched:
        raise ConfigError([f"patient={pattern!r}: does not match {unmatched[0]!r}"])
    return {name: match[1 if expression.groups else 0] for name, match in found.items() if match is not None}


def _read(path: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """The splits that a file of lines `NAME,SPLIT` says."""
    parts: dict[str, list[str]] = {split: [] for split in SPLITS}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a file of splits ({error})") from None
    placed: set[str] = set()
    for number, line in enumerate(lines, 1):
        name, _, split = (part.strip() for part in line.rpartition(","))
        if not line.strip():
            continue
        if split not in SPLITS:
            raise DataError(f"{path}, line {number}: {line!r} is not NAME,train or NAME,val or NAME,test")
        if name not in names or name in placed:
            raise DataError(f"{path}, line {number}: {'twice' if name in placed else 'no image is called'} {name!r}")
        placed.add(name)
        parts[split].append(name)
    forgotten = [name for name in names if name not in placed]
    if forgotten:
        raise DataError(f"{path}: names no split for {forgotten[0]!r} and {len(forgotten) - 1} other image(s)")
    return parts

"""Which images train, which choose when to stop, which are only for the final score.

Covers: the last names as test, names or counts asked for, whole patients, folders of splits. Does not cover: finding
images (`pairing`), a file of splits (`split_file.py`).

By default the last 30 % of the sorted names are the test images and the last 20 % of the others validate. Neighbours
in the order often show one person, so a split is never drawn at random: on CHASE_DB1 this is the usual one, images of
ten children for training and of four for the test, with two of the ten to validate. Folders train, val and test are
taken as they are; folders that are kinds of images, whose names have no number, are each split so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fastssl.data.layout.split_names import EVALUATION, TEST, TRAIN, VAL, split_name
from fastssl.data.patients import check_leaks
from fastssl.data.patients.from_paths import names_by_folder
from fastssl.data.patients.options import FOLDER
from fastssl.errors import ConfigError, DataError

from .image_names import ImageNames
from .split_file import read_split_file

TEST_SHARE, VAL_SHARE = 0.3, 0.2
SPLITS = (TRAIN, VAL, TEST)
_MOST_KINDS, _LEAST_OF_KIND = 10, 5
"""More folders than this, or folders of fewer images, are hardly kinds of images."""

Parts = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class SplitRequest:
    """How images are to be split.

    Attributes:
        test: names of images, or one number: how many of the last names. None: the default share.
        val: likewise, of the names that are left.
        patient: a regular expression; images with the same match (of its first group, if it has one) stay together;
            or "folder", for images in one folder.
        allow_leak: a patient may be in two splits that a file or folders name.
        file: a file of lines `NAME,SPLIT`, which stands for all the others.
    """

    test: tuple[str, ...] | None = None
    val: tuple[str, ...] | None = None
    patient: str | None = None
    allow_leak: bool = False
    file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Division:
    """Who is in which split.

    Attributes:
        parts: name of the split -> names of its images, in their order; none is empty.
        how: a few words on where it comes from.
        patients: name of each image -> its patient; empty where no pattern finds them.
        notes: warnings of patients in two splits, where that is allowed.
    """

    parts: Parts
    how: str
    patients: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def groups(self) -> dict[str, np.ndarray]:
        """Return split -> int64 `[N]`, a number for each image's patient; nothing where patients are not known."""
        numbers = {patient: number for number, patient in enumerate(sorted(set(self.patients.values())))}
        if not numbers:
            return {}
        return {
            split: np.array([numbers[self.patients[name]] for name in names], np.int64)
            for split, names in self.parts.items()
        }


def split_names(known: ImageNames, request: SplitRequest) -> Division:
    """Split images into "train", "val" and "test", none of them empty.

    Args:
        known: all images.
        request: how they are to be split.

    Raises:
        DataError: the file of splits cannot be followed, a split is left without an image, or a patient is in two.
        ConfigError: a name, a count or a pattern in `request` cannot be used.
    """
    names = known.names
    if request.file is not None:
        found = Division(parts=read_split_file(request.file, known, SPLITS), how=f"by {request.file.name}")
    else:
        found = _by_folders(known, request) or _by_order(known, request)
    empty = [split for split in SPLITS if not found.parts[split]]
    if empty:
        raise DataError(f"{len(names)} image(s) leave none for {' and '.join(empty)}; every split needs one")
    if request.patient is None:
        return found
    found = replace(found, patients=_patients(known, request.patient))
    return replace(found, notes=check_leaks(found.groups(), found.how, allow_leak=request.allow_leak))


def _by_order(known: ImageNames, request: SplitRequest) -> Division:
    """The last names test, the last of the others validate."""
    patients = _patients(known, request.patient)
    groups = [known.names]
    kinds: Mapping[str, list[str]] = {}
    if request.test is None and request.val is None:
        kinds = _kinds(known)
        groups = list(kinds.values()) or groups
    parts: Parts = {split: [] for split in SPLITS}
    for names in groups:
        rest, test = _take_last(names, request.test, TEST_SHARE, patients, "test_images", known)
        train, val = _take_last(rest, request.val, VAL_SHARE, patients, "val_images", known)
        for split, own in zip(SPLITS, (train, val, test), strict=True):
            parts[split] += own
    how = f"the last names of each of {', '.join(kinds)} test" if kinds else "the last names test"
    if kinds and request.patient:
        parts = _without_shared_patients(parts, patients)
    return Division(parts=parts, how=how if request.test is None else "as asked for")


def _by_folders(known: ImageNames, request: SplitRequest) -> Division | None:
    """The splits that folders are called after; None where they are not, or something else is asked for."""
    if request.test is not None or request.val is not None:
        return None
    of = {name: _split_of(known.place(name)) for name in known.names}
    found = set(of.values()) - {None, EVALUATION}
    if None in of.values() or TRAIN not in found or len(set(of.values())) < 2:
        return None
    evaluation = TEST if VAL in found else VAL
    parts: Parts = {split: [] for split in SPLITS}
    for name, split in of.items():
        parts[evaluation if split == EVALUATION else str(split)].append(name)
    how = "by folders"
    if not parts[TEST]:
        parts[TEST], parts[VAL], how = parts[VAL], [], "by folders, of which the one for validation tests"
    if not parts[VAL]:
        patients = _patients(known, request.patient)
        parts[TRAIN], parts[VAL] = _take_last(parts[TRAIN], None, VAL_SHARE, patients, "val_images", known)
        how += "; the last names of train validate"
    return Division(parts=parts, how=how)


def _split_of(place: str) -> str | None:
    """The split that one of the folders of an image is called after."""
    found = [split_name(folder) for folder in place.split("/")[:-1]]
    return next((one.split for one in found if one is not None and one.plain), None)


def _kinds(known: ImageNames) -> dict[str, list[str]]:
    """Folder -> names of its images, where all images lie in folders that are kinds of them, such as benign."""
    folders = {name: known.place(name).split("/")[:-1] for name in known.names}
    first, last = min(folders.values()), max(folders.values())
    depth = next((n for n, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    kinds: dict[str, list[str]] = defaultdict(list)
    for name, own in folders.items():
        kinds["".join(own[depth : depth + 1])].append(name)
    plain = all(folder and not re.search(r"\d", folder) for folder in kinds)
    enough = all(len(names) >= _LEAST_OF_KIND for names in kinds.values())
    return dict(kinds) if plain and enough and 2 <= len(kinds) <= _MOST_KINDS else {}


def _without_shared_patients(parts: Parts, patients: Mapping[str, str]) -> Parts:
    """All images of a patient in the last of the splits that has any."""
    last = {patients[name]: split for split in SPLITS for name in parts[split]}
    names = [name for split in SPLITS for name in parts[split]]
    return {split: [name for name in names if last[patients[name]] == split] for split in SPLITS}


def _take_last(
    names: Sequence[str],
    asked: tuple[str, ...] | None,
    share: float,
    patients: Mapping[str, str],
    setting: str,
    known: ImageNames,
) -> tuple[list[str], list[str]]:
    """`names` without and with those asked for, whole patients at a time."""
    if asked is None:
        chosen = set(names[len(names) - max(1, round(share * len(names))) :])
    elif len(asked) == 1 and asked[0].isdecimal():
        count = int(asked[0])
        if not 1 <= count < len(names):
            raise ConfigError([f"{setting}={count}: give 1 to {len(names) - 1} of {len(names)} images"])
        chosen = set(names[len(names) - count :])
    else:
        found = {one: known.find(one) for one in asked}
        unknown = [one for one, name in found.items() if name not in names]
        if unknown:
            raise ConfigError([f"{setting}: no image is called {unknown[0]!r} (one is {names[0]!r})"])
        chosen = {str(name) for name in found.values()}
    whole = {patients[name] for name in chosen}
    rest = [name for name in names if patients[name] not in whole]
    return rest, [name for name in names if patients[name] in whole]


def _patients(known: ImageNames, pattern: str | None) -> dict[str, str]:
    """The patient of every image; without a pattern each image is one."""
    if pattern is None:
        return {name: name for name in known.names}
    if pattern == FOLDER:
        places = [known.place(name) for name in known.names]
        folders = names_by_folder(places, lambda folder: (named := split_name(folder)) is not None and named.plain)
        return {name: folder or name for name, folder in zip(known.names, folders, strict=True)}
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigError([f"patient={pattern!r}: not a regular expression ({error})"]) from None
    matches = {name: expression.search(known.place(name)) for name in known.names}
    found = {name: match and match[1 if expression.groups else 0] for name, match in matches.items()}
    unmatched = [name for name, patient in found.items() if patient is None]
    if unmatched:
        raise ConfigError([f"patient={pattern!r}: does not match {unmatched[0]!r}"])
    return {name: str(patient) for name, patient in found.items()}

"""Folders next to each other that are no classes, although they look like them.

Covers: parts of one set, patients, folds of a cross-validation, versions of one set, and a folder of images next to
others. Does not cover: splits (`split_folders.py`), masks (`mask_folders.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from fastssl.errors import DataError

from .walk import some
from .words import FILLERS, IMAGE_WORDS, is_image_level, without_fillers, words_of

_PARTS = frozenset(
    ("part", "parts", "batch", "chunk", "shard", "piece", "vol", "volume", "archive", "zip", "disc", "disk")
)
_PATIENTS = frozenset(
    (
        *("patient", "patients", "pat", "patientid", "subject", "subjects", "subj", "sub", "case", "cases"),
        *("caseid", "study", "series", "exam", "person", "volunteer"),
    )
)
_FOLDS = frozenset(("fold", "folds", "kfold", "cv", "crossval", "xval", "split", "partition", "subset"))
_UNSURE = frozenset(("set", "dataset", "data", "folder", "dir", "sample", "samples"))
_VERSIONS = frozenset(
    (
        *("original", "originals", "augmented", "augmentation", "augment", "aug", "raw", "preprocessed"),
        *("processed", "resized", "cropped", "labeled", "labelled", "unlabeled", "unlabelled", "thumbnail"),
        *("thumbnails", "preview", "previews"),
    )
)

_IMAGES = frozenset(("image", "images", "img", "imgs"))
"""Photos, next to sketches, may be a class."""

_PATIENT, _PART, _FOLD, _NEITHER = "patients", "parts of one set", "folds", ""

MANY = 20
"""Folders with numbers in their names from which on it is told that they may be patients."""
FEW = 3
"""The same, where their names are nothing but one prefix and a number with zeros in front: P001, P002."""
_NUMBERED = re.compile(r"\d{3}")
_COUNTED = re.compile(r"(.*?)(0\d{2,})")
_WORDNET = re.compile(r"n\d{8}")


def pieces_of_one(names: Collection[str], where: str) -> str:
    """Tell whether folders are pieces of one set, such as images_part_1 and _2, or patient_001 to patient_120.

    Args:
        names: of all folders in one place.
        where: that place, for errors.

    Returns:
        "patients" or "parts of one set", or "folds" for a single one; "" where they may be classes.

    Raises:
        DataError: they are folds, versions of one set, or pieces next to other folders.
    """
    ordered = sorted(names)
    if len(ordered) > 1:
        _refuse_versions(ordered, where)
    kinds = {name: _kind(words_of(name)) for name in ordered}
    pieces = [name for name, (kind, _) in kinds.items() if kind]
    folds = [name for name in pieces if kinds[name][0] == _FOLD]
    if folds and len(ordered) > 1:
        raise DataError(
            f"{where}: {some(folds)} could be folds or parts of one set; make folders train, val and test of them "
            "(links will do), or rename them if they are classes"
        )
    stems = {stem for kind, stem in kinds.values() if kind}
    if len(pieces) < len(ordered) or len(stems) > 1:
        if any(sum(own == kinds[name] for own in kinds.values()) > 1 for name in pieces):
            others = [name for name in ordered if name not in pieces] or ordered
            raise DataError(
                f"{where}: {some(pieces)} could be pieces of one set, but {some(others)} not; give the folder of one "
                "set, or rename them if they are classes"
            )
        return _NEITHER
    return kinds[ordered[0]][0] if ordered else _NEITHER


def _kind(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """What a name that ends in a number says it is a piece of, and the words before the number."""
    if len(words) < 2 or not (words[-1].isdigit() or len(words[-1]) == 1):
        return _NEITHER, ()
    stem, noun = tuple(words[:-1]), words[-2]
    if noun in _PATIENTS and words[-1].isdigit():
        return _PATIENT, stem
    if noun in _PARTS or (noun in IMAGE_WORDS and words[-1].isdigit()):
        return _PART, stem
    if noun in _FOLDS | _UNSURE and _FOLDS.union("k").issuperset(without_fillers(stem)):
        return _FOLD, stem
    return _NEITHER, ()


def _refuse_versions(names: Sequence[str], where: str) -> None:
    """Stop at versions of one set, and at a folder of images next to folders of another kind."""
    versions = [name for name in names if _is_version(words_of(name))]
    if versions:
        others = [name for name in names if name not in versions]
        raise DataError(
            f"{where}: {some(versions)} could be versions of one set and not classes{' next to ' * bool(others)}"
            f"{some(others)}; give one of the folders alone, or rename them if they are classes"
        )
    images = [name for name in names if is_image_level(name) and not _IMAGES.isdisjoint(words_of(name))]
    if images:
        others = [name for name in names if name not in images]
        raise DataError(
            f"{where}: {some(images)} seems to hold all images, but there is {some(others or images[1:])} next to it; "
            f"give the folder {some(images[:1])} alone, or move the other images elsewhere"
        )


def _is_version(words: Sequence[str]) -> bool:
    return any(word in _VERSIONS for word in words) and all(
        word in _VERSIONS | FILLERS | IMAGE_WORDS or word.isdigit() for word in words
    )


def note_on_numbers(names: Sequence[str]) -> str:
    """Say that many classes have names like numbers of patients.

    Args:
        names: of the classes.

    Returns:
        One line; "" where they have not.
    """
    counted = [match[1] for name in names if (match := _COUNTED.fullmatch(name))]
    alike = len(counted) == len(names) and len(set(counted)) == 1
    if len(names) < (FEW if alike else MANY):
        return ""
    if not all(map(_NUMBERED.search, names)) or all(map(_WORDNET.fullmatch, names)):
        return ""
    return (
        f"{len(names)} folders with numbers for names ({some(list(names))}) are read as classes; if they are patients, "
        "put all images into one folder"
    )

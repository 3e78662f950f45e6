"""The words in the name of a folder or a file, and those that say nothing about its meaning.

Covers: separators, CamelCase, numbers attached to words, leading enumerations, accents, forms of Unicode. Does not
cover: what a word means (`split_names.py`, `mask_names.py`, `no_classes.py`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

FORMATS = frozenset(
    ("png", "jpg", "jpeg", "tif", "tiff", "bmp", "gif", "webp", "dcm", "dicom", "nii", "nifti", "nrrd", "mha")
)
IMAGE_WORDS = frozenset(
    (
        *("image", "images", "img", "imgs", "pic", "pics", "picture", "pictures", "photo", "photos"),
        *("photograph", "photographs", "original", "originals", "input", "inputs", "frame", "frames"),
    )
)
FILLERS = frozenset(
    (
        *("set", "sets", "data", "dataset", "datasets", "folder", "folders", "dir", "split", "splits"),
        *("sample", "samples", "all", "final", "new", "the", "of", "and", "v", "x", "st", "nd", "rd", "th"),
        *("daten", "sdaten"),
    )
)
"""Words that may stand with any other; "x" as in X_train, "v" as in v2, "sdaten" as in Trainingsdaten."""

_ENUMERATION = re.compile(r"^\s*(?:\d{1,2}|[A-Za-z])[.)]\s*(?=[^\W\d])")
_BOUNDARY = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"  # trainSet, NIHTrain
    r"|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])"  # train2017, 1st
)
_WORD = re.compile(r"[^\W_]+")
_PAIRS = {
    ("ground", "truth"): "groundtruth",
    ("ground", "truths"): "groundtruths",
    ("hold", "out"): "holdout",
    ("held", "out"): "holdout",
}


def composed(name: str) -> str:
    """Write a name in the composed form of Unicode (NFC), for systems differ in the one that they store.

    Args:
        name: as on disk.

    Returns:
        The same name; one of ASCII letters is unchanged.
    """
    return unicodedata.normalize("NFC", name)


@lru_cache(maxsize=65536)
def words_of(name: str) -> tuple[str, ...]:
    """Take a name apart: "a. Training Set" is ("training", "set"), "imagesTr2" is ("images", "tr", "2").

    Args:
        name: of a folder, or of a file without its ending.

    Returns:
        Words and numbers in lower case without accents; an enumeration at the beginning ("1. ", "b) ") is left out.
    """
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", name) if unicodedata.category(mark) != "Mn")
    spaced = _BOUNDARY.sub(" ", _ENUMERATION.sub("", unicodedata.normalize("NFC", plain)))
    words = [word.lower() for word in _WORD.findall(spaced)]
    for index in range(len(words) - 1, 0, -1):
        if joined := _PAIRS.get((words[index - 1], words[index])):
            words[index - 1 : index + 1] = [joined]
    return tuple(words)


def without_fillers(words: Iterable[str]) -> tuple[str, ...]:
    """Leave out numbers, formats of files, and words such as "images", "data" or "set".

    Args:
        words: of a name.

    Returns:
        Those that may mean something.
    """
    return tuple(word for word in words if not (word.isdigit() or word in FILLERS | IMAGE_WORDS | FORMATS))


def is_image_level(name: str) -> bool:
    """Tell whether a folder's name says no more than that it holds images: "images", "PNG_images", "Original Images".

    Args:
        name: of a folder.

    Returns:
        Whether it does; "images_001" does not, for there is a second one.
    """
    words = words_of(name)
    return (
        any(word in IMAGE_WORDS for word in words) and not any(map(str.isdigit, words)) and not without_fillers(words)
    )

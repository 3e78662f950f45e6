"""The names of the arrays in `.npz` files: those that are read, and what others probably stand for.

Covers: finding them, and the line that says how to rename. Does not cover: reading the arrays (`open.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fastssl.text import printable

SPLITS = ("train", "val", "test")
WANTED = tuple(f"{split}_{kind}" for split in SPLITS for kind in ("images", "labels", "groups"))
"""The names that are read."""

_SPLIT_WORDS = {
    "train": ("training", "train"),
    "val": ("validation", "valid", "val", "dev"),
    "test": ("testing", "test"),
}
_KIND_WORDS = {
    "images": ("images", "image", "imgs", "img", "data", "pixels", "inputs", "input", "arr", "array", "x", ""),
    "labels": ("labels", "label", "targets", "target", "classes", "outputs", "output", "y"),
    "groups": ("groups", "patients", "patientids", "patientid", "subjects", "subjectids", "subjectid"),
}
_SHOWN = 12


def probable_name(name: str) -> str | None:
    """Guess which of the names that are read another name stands for.

    Args:
        name: of an array, such as "X_train", "trainImages" or "labels".

    Returns:
        Such as "train_images"; None where nothing is probable.
    """
    letters = re.sub("[^a-z]", "", name.rpartition("/")[2].lower())
    for split, words in _SPLIT_WORDS.items():
        for word in words:
            if word in letters:
                kind = _kind(letters.replace(word, "", 1))
                return kind and f"{split}_{kind}"
    kind = _kind(letters) if letters else None
    return kind and f"train_{kind}"


def missing_images(path: Path, names: Sequence[str]) -> str:
    """Say that there are no training images, what there is, and how to rename it.

    Args:
        path: of the file.
        names: of the arrays in it.

    Returns:
        One line.
    """
    shown = ", ".join(printable(name) for name in names[:_SHOWN]) or "nothing"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    meant: dict[str, str] = {}
    for name in names:
        guess = probable_name(name)
        if guess:
            meant.setdefault(guess, name)
    if "train_images" not in meant:
        return f"{path} has no 'train_images'; it holds {shown}{more}. Save the images under that name"
    renamed = ", ".join(f"{own}=a[{printable(name)!r}]" for own, name in meant.items())
    return (
        f"{path} has no 'train_images'; it holds {shown}{more}. Rename them: a = numpy.load({path.name!r}); "
        f"numpy.savez('renamed.npz', {renamed})"
    )


def unread_note(names: Sequence[str]) -> tuple[str, ...]:
    """Say which arrays are not read because of their names.

    Args:
        names: of all arrays of a file with training images.

    Returns:
        No line, or one.
    """
    unread = [name for name in names if name not in WANTED and not name.startswith("__MACOSX/")]
    if not unread:
        return ()
    hints = {name: probable_name(name) for name in unread}
    shown = [
        printable(name) + (f" (rename it to {hints[name]} to have it read)" if _is_free(hints[name], names) else "")
        for name in unread[:_SHOWN]
    ]
    more = f" and {len(unread) - _SHOWN} more" if len(unread) > _SHOWN else ""
    return (f"arrays that are not read: {', '.join(shown)}{more}",)


def _kind(letters: str) -> str | None:
    return next((kind for kind, words in _KIND_WORDS.items() if letters in words), None)


def _is_free(name: str | None, names: Sequence[str]) -> bool:
    return name is not None and name not in names

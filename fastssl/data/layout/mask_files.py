"""Mask files in the same folder as their images: x_mask.png next to x.png.

Covers: recognising them by a word for masks in their names and by the image that the rest of the name fits; stopping
where most of them have none. Does not cover: folders of masks (`mask_folders.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from fastssl.errors import DataError
from fastssl.text import printable

from .endings import stem_of
from .mask_fit import beginnings, forms_of_image
from .mask_names import key_of, mask_word
from .walk import Folder

ENOUGH = 0.5
"""Share of the files with one word for masks that need an image."""

Images = Mapping[Folder, list[str]]


def find_mask_files(images: Images, root: Path) -> dict[Folder, set[str]]:
    """Find the files that are masks of images in the same folder.

    Args:
        images: folder -> names of the image files in it.
        root: of the set, for errors.

    Returns:
        Folder -> names of the masks in it. Where most files with one word, such as "mask", have an image, the others
        are masks as well.

    Raises:
        DataError: files are called like masks, but few have an image, or they have it in another folder.
    """
    called: dict[str, list[tuple[Folder, str]]] = defaultdict(list)
    for folder, names in images.items():
        for name in names:
            if word := mask_word(stem_of(name)):
                called[word].append((folder, name))
    if not called:
        return {}
    masks = {file for files in called.values() for file in files}
    folders = {folder for folder, _ in masks}
    own = {folder: _forms(folder, images, masks) for folder in folders}
    found: dict[Folder, set[str]] = defaultdict(set)
    anywhere: set[str] = set()
    for word, files in sorted(called.items()):
        fitting = [(folder, name) for folder, name in files if _fits(name, own[folder])]
        if len(fitting) >= ENOUGH * len(files):
            for folder, name in files:
                found[folder].add(name)
        elif fitting:
            raise DataError(
                f"{root}: {len(fitting)} files called {word}, such as {_path(*fitting[0])}, could be masks of images, "
                f"but {len(files) - len(fitting)} others have no image; move masks elsewhere, or rename images"
            )
        else:
            anywhere = anywhere or set().union(*(_forms(folder, images, masks) for folder in images))
            elsewhere = [(folder, name) for folder, name in files if _fits(name, anywhere, numbers=False)]
            if len(elsewhere) >= ENOUGH * len(files):
                raise DataError(
                    f"{root}: {len(elsewhere)} files, such as {_path(*elsewhere[0])}, could be masks of images in "
                    "other folders; move them elsewhere, or rename them if they are images"
                )
    return dict(found)


def _path(folder: Folder, name: str) -> str:
    return printable("/".join((*folder, name)))


def _forms(folder: Folder, images: Images, masks: set[tuple[Folder, str]]) -> set[str]:
    """The names of a folder's images, as they are and without words for images."""
    return set().union(*(forms_of_image(name) for name in images[folder] if (folder, name) not in masks))


def _fits(name: str, forms: set[str], *, numbers: bool = True) -> bool:
    """Whether a mask's name is an image's and a word for masks, or the same without such words, with letters or not."""
    stem, *shorter = beginnings(name)
    for form in shorter:
        if form.casefold() in forms and mask_word(stem[len(form) :]):
            return True
    key = key_of(stem)
    return f"={key}" in forms and (numbers or any(map(str.isalpha, key)))

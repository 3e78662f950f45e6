"""Which files are images and which are masks, where they lie in one folder; and folders that say nothing else.

Covers: folders called after what they hold, names that extend another's, one name with two endings. Does not cover:
which mask belongs to which image (`ways.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .listing import ListedFile
from .names import cut_pattern, cut_suffix, shortened

_OF_MASKS = re.compile(
    r"(\w*masks?|labels?|gt|ground|truth|groundtruth|anno(s|tated|tations?)?|seg(s|mentations?)?|manual)"
)
_OF_IMAGES = re.compile(r"images?|imgs?|originals?|photos?|scans?|pictures?")
_WORD = re.compile(r"[^\W\d_]+")
_LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif")

Roles = tuple[list[ListedFile], list[ListedFile]]


def place_of(file: ListedFile) -> tuple[str, ...]:
    """Return the folders of a file without the words that only say images or masks, so that both have one place.

    Args:
        file: any.
    """
    return tuple(filter(None, (_WORD.sub(_unless_role, folder).strip(" _-.") for folder in file.folders)))


def tell_apart(files: Sequence[ListedFile], image_suffix: str, mask_suffix: str) -> Roles:
    """Divide the files of a folder that holds both into images and masks.

    Args:
        files: all of them.
        image_suffix: how the names of images end, as the user gave it; "" for any.
        mask_suffix: how the names of masks end, likewise, or with * for any characters.

    Returns:
        Images, and the files that may be masks.
    """
    images = [file for file in files if cut_suffix(file, image_suffix) is not None]
    if mask_suffix:
        return _by_suffix(files, images, image_suffix, mask_suffix)
    if image_suffix:
        return images, _without(files, images)
    for told in (_by_folder(files), _by_ending(files)):
        if all(told):
            return told
    return _by_name(files)


def _by_suffix(files: Sequence[ListedFile], images: Sequence[ListedFile], image_suffix: str, mask_suffix: str) -> Roles:
    """Masks end as was said; images are what a mask's name begins with, or, where there are none, all the others."""
    if "*" in mask_suffix:
        known = {file.stem for file in images}
        masks = [file for file in files if cut_pattern(file, mask_suffix, known) is not None]
        cut = {cut_pattern(file, mask_suffix, known) for file in masks}
    else:
        masks = [file for file in files if cut_suffix(file, mask_suffix) is not None]
        cut = {cut_suffix(file, mask_suffix) for file in masks}
    rest = _without(images, masks)
    return [file for file in rest if cut_suffix(file, image_suffix) in cut] or rest, masks


def _by_folder(files: Sequence[ListedFile]) -> Roles:
    """Masks are what lies in a folder of masks."""
    masks = [file for file in files if any(map(_is_of_masks, file.folders))]
    return _without(files, masks), masks


def _by_ending(files: Sequence[ListedFile]) -> Roles:
    """Where every name is there twice, as a JPEG and otherwise, the JPEGs are the images."""
    images = [file for file in files if file.path.suffix.lower() in _LOSSY]
    masks = _without(files, images)
    if sorted(map(_name, images)) == sorted(map(_name, masks)):
        return images, masks
    return [], []


def _by_name(files: Sequence[ListedFile]) -> Roles:
    """Masks are what is called after another file: of its folder, or of any where no two files have one name."""
    unique = len({file.stem for file in files}) == len(files)
    folders = ["" if unique else "/".join((*file.folders, "")) for file in files]
    names = {folder + file.stem for folder, file in zip(folders, files, strict=True)}
    images = [
        file
        for folder, file in zip(folders, files, strict=True)
        if not any(folder + shorter in names for shorter in shortened(file.stem))
    ]
    return images, _without(files, images)


def _is_of_masks(folder: str) -> bool:
    return any(map(_OF_MASKS.fullmatch, _WORD.findall(folder.lower())))


def _unless_role(word: re.Match[str]) -> str:
    """The word, or nothing where it only says images or masks."""
    text = word[0].lower()
    return "" if _OF_MASKS.fullmatch(text) or _OF_IMAGES.fullmatch(text) else word[0]


def _name(file: ListedFile) -> str:
    return "/".join((*file.folders, file.stem))


def _without(files: Sequence[ListedFile], others: Sequence[ListedFile]) -> list[ListedFile]:
    left_out = {file.path for file in others}
    return [file for file in files if file.path not in left_out]

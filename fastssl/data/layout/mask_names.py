"""Which names of folders and files speak of masks.

Covers: words for masks, face masks (which are classes), what is left of a name without its words for images and masks.
Does not cover: whether there are images to such masks (`mask_folders.py`, `mask_files.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from .words import FORMATS, IMAGE_WORDS, without_fillers, words_of

_SURE = frozenset(
    (
        *("mask", "masks", "msk", "msks", "masque", "masques", "maske", "masken", "maschera", "mascara", "mascaras"),
        *("segmentation", "segmentations", "groundtruth", "groundtruths", "gt", "gts", "labelmap", "labelmaps"),
        *("segmap", "segmaps"),
    )
)
_UNSURE = frozenset(
    (
        *("label", "labels", "annotation", "annotations", "anno", "annos", "annot", "annots", "annotated"),
        *("seg", "segs", "segm", "segms", "segmented", "manual", "manuals", "contour", "contours", "outline"),
        *("outlines", "overlay", "overlays", "trimap", "trimaps", "superpixel", "superpixels"),
    )
)
_OF_FILES = _SURE | _UNSURE | {"lesion", "lesions", "ho", "ah", "vk"}
""""ho", "ah" and "vk" are observers of vessels: 1stHO, im0001.ah."""
_FACES = frozenset(
    (
        *("with", "without", "no", "non", "not", "un", "wear", "wearing", "worn", "weared", "incorrect"),
        *("incorrectly", "correct", "correctly", "improper", "proper", "face", "faces", "surgical", "cloth"),
        *("on", "off", "half"),
    )
)
_STAGES = frozenset(("training", "test", "train", "raw", "st", "nd", "rd", "th"))
"""Left out of keys, for DRIVE calls an image 21_training and its mask 21_manual1."""
_COMPOUND = re.compile(r"(?!(?:un|no|non|not|with|without|face)masks?$)\w{2,}masks?")
_ROLE = re.compile(
    r"mask|masq|msk|seg|gt|label|ground|truth|anno|manual|contour|outline|overlay|trimap|superpix|lesion|ho|ah|vk|masc"
)


@lru_cache(maxsize=65536)
def speaks_of_masks(name: str) -> bool:
    """Tell whether a folder's name has a word for masks: "lung masks", "1st_manual", "GT", also "with_mask".

    Args:
        name: of a folder.
    """
    return any(word in _SURE | _UNSURE or _COMPOUND.fullmatch(word) for word in words_of(name))


def says_masks(name: str, *, alone: bool = True) -> bool:
    """Tell whether a folder's name is hardly that of a class: "masks", "ground truth", "lung masks", but not "label 1".

    Args:
        name: of a folder that speaks of masks.
        alone: also for the one word "mask", which people wear.
    """
    words = words_of(name)
    return (alone or words != ("mask",)) and any(word in _SURE or _COMPOUND.fullmatch(word) for word in words)


def says_many_masks(name: str) -> bool:
    """Tell whether a folder's name says nothing but masks or labels, and several: "labels", "annotations_png".

    Args:
        name: of a folder that speaks of masks.
    """
    return not subject(name) and any(word in _SURE | _UNSURE and word.endswith("s") for word in words_of(name))


def speaks_of_faces(names: Iterable[str]) -> bool:
    """Tell whether folders next to each other are about masks that people wear: "with_mask", "nomask", "mask off".

    Args:
        names: of folders.
    """
    return any(
        ("mask" in word and not (word in _SURE or _COMPOUND.fullmatch(word)))
        or (word in _FACES and "mask" in name.lower())
        for name in names
        for word in words_of(name)
    )


def subject(name: str) -> tuple[str, ...]:
    """Return what a folder's name says besides images or masks: ("train",) of "train_masks" and of "train_images".

    Args:
        name: of a folder.
    """
    words = without_fillers(words_of(name))
    return tuple(word for word in words if word not in _SURE | _UNSURE and not _COMPOUND.fullmatch(word))


def mask_word(stem: str) -> str:
    """Return the word for masks in the name of a file.

    Args:
        stem: the name without its ending.

    Returns:
        Such as "mask" of "x_mask_1"; "" where there is none, or it speaks of a face mask, as "1-with-mask" does.
    """
    if not _ROLE.search(stem.lower()):
        return ""
    words = words_of(stem)
    for index, word in enumerate(words):
        if (word in _OF_FILES or _COMPOUND.fullmatch(word)) and not (index and words[index - 1] in _FACES):
            return word
    return ""


def key_of(stem: str) -> str:
    """Return a file's name without its words for images and masks: "p13 83" of "P13_mask_083" and "P13_original_083".

    Args:
        stem: the name without its ending.
    """
    words = [
        (word.lstrip("0") or "0") if word.isdigit() else word
        for word in words_of(stem)
        if word not in _OF_FILES | IMAGE_WORDS | FORMATS | _STAGES and not _COMPOUND.fullmatch(word)
    ]
    return " ".join(words)

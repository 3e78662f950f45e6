"""How well the names of files in folders of masks fit the names of images.

Covers: equal names, names that go on from an image's, names that are equal without their words for images and masks.
Does not cover: what follows from it (`mask_folders.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fastssl.data.reading.volumes import VOLUME_SUFFIXES

from .cases import VOLUME_WORDS, case_stem
from .endings import stem_of
from .mask_names import key_of
from .walk import Folder
from .words import composed

Images = Mapping[Folder, list[str]]

_CHANNEL = re.compile(r"(?<=.)_000\d$")
"""The number of the channel that nnU-Net adds to images, and not to masks."""


@dataclass(frozen=True, kw_only=True)
class NameFit:
    """How many files of a folder have an image.

    Args:
        total: files in the folder.
        fitting: of these, those whose names fit an image.
        several: of these, those whose names fit images in several folders.
        counters: of these, those whose names say nothing but a number, as those of any other folder may.
    """

    total: int = 0
    fitting: int = 0
    several: int = 0
    counters: int = 0

    def __add__(self, other: NameFit) -> NameFit:
        return NameFit(
            total=self.total + other.total,
            fitting=self.fitting + other.fitting,
            several=self.several + other.several,
            counters=self.counters + other.counters,
        )


class ImageFinder:
    """Looks for the images that the names of masks fit: next to the folder of masks, or else anywhere.

    Args:
        plain: the folders of images.
        images: folder -> names of the files in it, for these and for folders of masks.
        parents: the folders that hold the folders of masks.
    """

    def __init__(self, plain: Sequence[Folder], images: Images, parents: set[Folder]) -> None:
        self._images = images
        self._plain = plain
        self._stems: dict[Folder, dict[str, list[Folder]]] = {parent: {} for parent in parents}
        depths = {len(parent) for parent in parents}
        for folder in plain:
            for depth in depths:
                if depth <= len(folder) and folder[:depth] in self._stems:
                    self._add(folder, self._stems[folder[:depth]])
        self._everywhere: dict[str, list[Folder]] = {}

    def fit(self, top: Folder, folders: Iterable[Folder]) -> NameFit:
        """Compare the names of files with those of all images.

        Args:
            top: the folder that is called like one of masks.
            folders: itself and the folders below it that hold files.

        Returns:
            How well they fit.
        """
        parent = top[:-1]
        near = self._fit(top, folders, self._stems[parent], len(parent))
        if near.fitting or not parent:
            return near
        if not self._everywhere:
            for folder in self._plain:
                self._add(folder, self._everywhere)
        return self._fit(top, folders, self._everywhere, 0)

    def _add(self, folder: Folder, stems: dict[str, list[Folder]]) -> None:
        for name in self._images[folder]:
            for form in forms_of_image(name):
                stems.setdefault(form, []).append(folder)

    def _fit(self, top: Folder, folders: Iterable[Folder], stems: Mapping[str, list[Folder]], depth: int) -> NameFit:
        total = fitting = several = counters = 0
        for folder in folders:
            below = folder[len(top) :]
            for name in self._images[folder]:
                total += 1
                places = next((stems[form] for form in _forms_of_mask(name) if form in stems), None)
                if places is not None:
                    fitting += 1
                    counters += not any(map(str.isalpha, key_of(stem_of(name))))
                    several += len(_heads(places, below, depth)) > 1
        return NameFit(total=total, fitting=fitting, several=several, counters=counters)


def forms_of_image(name: str) -> set[str]:
    """Return what the name of a mask may be called after.

    Args:
        name: of an image file.

    Returns:
        Its name without ending, and, after "=", without words for images; in lower case.
    """
    stem = _CHANNEL.sub("", composed(stem_of(name)))
    forms = {stem.casefold(), f"={key_of(stem)}"} - {"="}
    if name.lower().endswith(VOLUME_SUFFIXES):  # x_seg.nii.gz is the mask of x_t1.nii.gz, and of x_t2.nii.gz
        words = [word for word in key_of(case_stem(stem)).split() if word not in VOLUME_WORDS]
        forms.add(f"={' '.join(words)}")
    return forms


def beginnings(name: str) -> list[str]:
    """Return a file's name without ending, and what it goes on from: "x_mask_1", "x_mask", "x".

    Args:
        name: of a file.
    """
    stem = composed(stem_of(name))
    return [stem, *(stem[:end] for end in range(len(stem) - 1, 0, -1) if not stem[end].isalnum())]


def _forms_of_mask(name: str) -> Iterable[str]:
    """What the forms of a mask's image may be, most likely first."""
    shorter = beginnings(name)
    yield from (form.casefold() for form in shorter)
    yield from (f"={key}" for form in shorter if (key := key_of(form)))


def _heads(places: Sequence[Folder], below: Folder, depth: int) -> set[str | None]:
    """The folders next to the masks' in which the images are; those that share most names with the masks' way."""
    shared = [len(set(below).intersection(place[depth:])) for place in places]
    nearest = [place for place, count in zip(places, shared, strict=True) if count == max(shared)]
    return {place[depth] if depth < len(place) else None for place in nearest}

"""How well the names of files in folders of masks fit the names of images.

Covers: equal names, names that go on from an image's, names that are equal without their words for images and masks.
Does not cover: what follows from it (`mask_folders.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .mask_names import key_of
from .walk import Folder
from .words import composed

Images = Mapping[Folder, list[str]]


@dataclass(frozen=True, kw_only=True)
class NameFit:
    """How many files of a folder have an image.

    Args:
        total: files in the folder.
        fitting: of these, those whose names fit an image.
        several: of these, those whose names fit images in several folders.
        counters: of these, those whose names are nothing but a number.
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
            stem = stem_of(name)
            for form in {stem, f"={key_of(stem)}"} - {"="}:
                stems.setdefault(form, []).append(folder)

    def _fit(self, top: Folder, folders: Iterable[Folder], stems: Mapping[str, list[Folder]], depth: int) -> NameFit:
        total = fitting = several = counters = 0
        for folder in folders:
            below = folder[len(top) :]
            for name in self._images[folder]:
                stem = stem_of(name)
                total += 1
                places = next((stems[form] for form in _forms(stem) if form in stems), None)
                if places is not None:
                    fitting += 1
                    counters += stem.isdigit()
                    several += len(_heads(places, below, depth)) > 1
        return NameFit(total=total, fitting=fitting, several=several, counters=counters)


def stem_of(name: str) -> str:
    """Return a file's name without its ending, in one form of Unicode and in lower case.

    Args:
        name: of a file.
    """
    return composed(name.rpartition(".")[0]).casefold().strip()


def _forms(stem: str) -> Iterable[str]:
    """What the name of a mask's image may be: its own, or what its own goes on from; then the same without words."""
    shorter = [stem, *(stem[:end] for end in range(len(stem) - 1, 0, -1) if not stem[end].isalnum())]
    yield from shorter
    for form in shorter:
        if key := key_of(form):
            yield f"={key}"


def _heads(places: Sequence[Folder], below: Folder, depth: int) -> set[str | None]:
    """The folders next to the masks' in which the images are; those whose subfolders are alike come first."""
    alike = [place for place in places if place[depth + 1 :] == below]
    return {place[depth] if depth < len(place) else None for place in alike or places}

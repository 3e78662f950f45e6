"""Folders of masks among folders of images.

Covers: recognising them by their names and by images whose names fit the masks' names; stopping where only one of the
two is so. Does not cover: mask files beside their images (`mask_files.py`).

A folder is looked at from the root downwards: where one that speaks of masks is none (as the folder "Segmentation" that
holds images and masks), those in it are looked at next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastssl.data.reading.volumes import VOLUME_SUFFIXES
from fastssl.errors import DataError
from fastssl.text import printable

from .mask_fit import ImageFinder, NameFit
from .mask_names import says_many_masks, says_masks, speaks_of_faces, speaks_of_masks, subject
from .walk import Folder
from .words import IMAGE_WORDS, composed, words_of

ENOUGH = 0.5
"""Share of a folder's files that need an image of a fitting name."""

Images = Mapping[Folder, list[str]]


def find_mask_folders(images: Images, root: Path) -> dict[Folder, Folder]:
    """Find the folders that hold masks of images in other folders.

    Args:
        images: folder -> names of the image files in it.
        root: of the set, for errors.

    Returns:
        Each folder with masks -> the one, itself or above it, whose name says so.

    Raises:
        DataError: a folder is called like one of masks, but the images' names do not fit, or fit several folders.
    """
    found: dict[Folder, Folder] = {}
    settled: set[Folder] = set()
    while True:
        open_: dict[Folder, list[Folder]] = defaultdict(list)
        plain: list[Folder] = []
        for folder in images:
            top = _top(folder, settled)
            (open_[top] if top else plain).append(folder)
        if not open_:
            return found
        judged = _judge(open_, plain, images)
        found |= {folder: top for top in open_ if judged[top].masks for folder in open_[top]}
        nested = {top for top in open_ if not judged[top].masks and _speaks_below(open_[top], top)}
        for top in open_:
            if judged[top].doubt and top not in nested:
                raise DataError(f"{root}: {judged[top].doubt}")
        settled |= set(open_)
        images = {folder: names for folder, names in images.items() if folder not in found}


@dataclass(frozen=True, kw_only=True)
class _Verdict:
    """Whether a folder is one of masks; `doubt` says why that is not clear."""

    masks: bool = False
    doubt: str = ""


def _top(folder: Folder, settled: set[Folder]) -> Folder | None:
    """The first folder on the way down that speaks of masks and was not found to be none."""
    for index, name in enumerate(folder):
        if speaks_of_masks(name) and folder[: index + 1] not in settled:
            return folder[: index + 1]
    return None


def _speaks_below(folders: Iterable[Folder], top: Folder) -> bool:
    return any(speaks_of_masks(name) for folder in folders for name in folder[len(top) :])


def _judge(tops: Mapping[Folder, Sequence[Folder]], plain: Sequence[Folder], images: Images) -> dict[Folder, _Verdict]:
    """Judge all folders that speak of masks; those of one name are counted together."""
    verdicts = {}
    siblings = _siblings(tops, plain)
    by_name: dict[str, list[Folder]] = defaultdict(list)
    for top in tops:
        next_to_it = siblings[top[:-1]]
        if not plain or speaks_of_faces({top[-1]} | next_to_it["masks"] | next_to_it["images"]):
            verdicts[top] = _Verdict()
        elif says_masks(top[-1]) and (_goes_with(next_to_it["images"], top[-1]) or _next_to_volumes(top, images)):
            verdicts[top] = _Verdict(masks=True)
        else:
            by_name[composed(top[-1]).casefold()].append(top)
    if by_name:
        finder = ImageFinder(plain, images, {top[:-1] for tops_ in by_name.values() for top in tops_})
        for same in by_name.values():
            fit = sum((finder.fit(top, tops[top]) for top in same), NameFit())
            for top in same:
                sure = says_masks(top[-1], alone=False) or _goes_with(siblings[top[:-1]]["images"], top[-1])
                verdicts[top] = _verdict(top, fit, sure=sure)
    return verdicts


def _siblings(tops: Iterable[Folder], plain: Iterable[Folder]) -> dict[Folder, dict[str, set[str]]]:
    """For the parent of each folder that speaks of masks: the names in it, of masks and of other images."""
    found: dict[Folder, dict[str, set[str]]] = {top[:-1]: {"masks": set(), "images": set()} for top in tops}
    for top in tops:
        found[top[:-1]]["masks"].add(top[-1])
    depths = {len(parent) for parent in found}
    for folder in plain:
        for depth in depths:
            if depth < len(folder) and folder[:depth] in found:
                found[folder[:depth]]["images"].add(folder[depth])
    return found


def _next_to_volumes(top: Folder, images: Images) -> bool:
    """Whether the folder above one of masks holds volumes, as that of a case does: ct.nii.gz, segmentations/."""
    names = images.get(top[:-1], [])
    return bool(names) and all(name.lower().endswith(VOLUME_SUFFIXES) for name in names)


def _goes_with(others: Iterable[str], masks: str) -> bool:
    """Whether the names next to a folder say that one of them holds the images to its masks."""
    own = subject(masks)
    for name in others:
        about = subject(name)
        if about == own if about else any(word in IMAGE_WORDS for word in words_of(name)):
            return True
    return False


def _verdict(top: Folder, fit: NameFit, *, sure: bool) -> _Verdict:
    """Judge by the share of files that fit; `sure`: the name of the folder, or one next to it, leaves no doubt."""
    name = printable("/".join(top))
    if fit.fitting < ENOUGH * fit.total:
        if not (fit.fitting or says_masks(top[-1]) or says_many_masks(top[-1])):
            return _Verdict()
        return _Verdict(
            doubt=f"{name} is called like a folder of masks, but {fit.total - fit.fitting} of {fit.total} files in it "
            "have no image of their name; move it elsewhere if it holds masks, or rename it if it is a class"
        )
    if not sure and fit.counters > fit.fitting / 2:
        if subject(top[-1]):
            return _Verdict()
        return _Verdict(doubt=f"{name} could hold masks of the images next to it, or be a class; move or rename it")
    if fit.several > fit.fitting / 2:
        return _Verdict(
            doubt=f"the files in {name} could be masks, but images of their names are in several folders; move the "
            "masks elsewhere, or rename the folder if it is a class"
        )
    return _Verdict(masks=True)

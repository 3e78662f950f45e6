"""The image files below a folder.

Covers: every folder in a fixed order, links, hidden files, what systems and network drives leave behind, DICOM files
without an ending, files of other kinds counted by ending. Does not cover: what the folders mean (`placement.py`),
opening files, but for the first bytes of those without an ending.

A link to a folder is followed, however often the folder is reached, unless it leads to a folder that holds the link. A
link to nowhere that ends like an image stays among the files, so that reading says what is wrong with it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fastssl.data.reading import IMAGE_SUFFIXES, PICTURE_SUFFIXES
from fastssl.data.reading.dicom import DICOM_SUFFIXES
from fastssl.errors import DataError
from fastssl.text import printable

from .endings import NO_ENDING, advice_on, counted, ending_of
from .entries import DEAD, FOLDER, SPECIAL, has_other_names, holds_dicom, is_junk, kind_of
from .value_files import values_and_headers

Folder = tuple[str, ...]
"""The names on the way from the root to a folder; () is the root."""

MOST_WAYS = 20
"""A folder that links reach in more ways than this is in a circle of links, of which every round would double it."""

SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class ImageListing:
    """What lies below a folder.

    Args:
        images: folder -> names of the image files in it, sorted; folders without any are left out.
        others: folder -> ending -> number of files of other kinds; every folder that was listed is here.
        scans: how many of the images are DICOM files.
        linked: some files may be there more than once, for links or hard links were met.
        notes: a line for each kind of thing that was left out.
    """

    images: Mapping[Folder, list[str]]
    others: Mapping[Folder, Counter[str]]
    scans: int
    linked: bool
    notes: tuple[str, ...]

    @property
    def passed_over(self) -> dict[str, int]:
        """Return the number of files of each other ending, the most frequent first."""
        total: Counter[str] = Counter()
        for endings in self.others.values():
            total.update(endings)
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def find_images(root: Path, *, pictures_alone: bool = False) -> ImageListing:
    """List the image files in a folder and its subfolders.

    Args:
        root: the folder.
        pictures_alone: volumes are files of other kinds.

    Returns:
        Files that end in `fastssl.data.reading.IMAGE_SUFFIXES` or `DICOM_SUFFIXES` in upper or lower case, DICOM files
        without an ending, and what else there is.

    Raises:
        DataError: there are none, a folder cannot be listed, or links go round in a circle.
    """
    found = _Found()
    ways: Counter[str] = Counter()
    waiting = [_Way(folder=(), path=os.fspath(root), real=os.path.realpath(root))]
    while waiting:
        way = waiting.pop()
        if way.left:
            ways[way.real] += 1
            if ways[way.real] > MOST_WAYS:
                raise DataError(f"{way.path}: links reach {way.real} in over {MOST_WAYS} ways; remove links in circles")
        waiting += reversed(_list(way, found, pictures_alone))
    images = {folder: sorted(names) for folder, names in sorted(found.images.items())}
    listing = ImageListing(
        images=images, others=found.others, scans=found.scans, linked=found.linked, notes=tuple(found.notes())
    )
    if not images:
        raise DataError(
            f"no image in {root}: {_what_else(listing)}; images end in {', '.join(IMAGE_SUFFIXES[:8])} ... or DICOM"
        )
    count = sum(map(len, images.values()))
    if advice := advice_on(listing.passed_over, count):
        return replace(listing, notes=(*listing.notes, advice))
    return listing


@dataclass(frozen=True, kw_only=True)
class _Way:
    """One way to a folder; `left` are the real folders in which links were followed to it."""

    folder: Folder
    path: str
    real: str
    left: tuple[str, ...] = ()


@dataclass
class _Found:
    """What a walk has met so far."""

    images: dict[Folder, list[str]] = field(default_factory=dict)
    others: dict[Folder, Counter[str]] = field(default_factory=dict)
    scans: int = 0
    linked: bool = False
    loops: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        lines = (
            (self.loops, "links lead to a folder that holds them and are not followed"),
            (self.dead, "links lead nowhere and are left out"),
            (self.special, "entries are neither files nor folders and are left out"),
        )
        return [f"{len(names)} {text} ({some(names)})" for names, text in lines if names]


def some(names: list[str]) -> str:
    """Return the first few names for a line of text, with "..." where there are more.

    Args:
        names: of files or folders, as they are on disk.
    """
    return ", ".join(map(printable, names[:SHOWN])) + (" ..." if len(names) > SHOWN else "")


def _list(way: _Way, found: _Found, pictures_alone: bool) -> list[_Way]:
    """Take in the files of one folder; return its subfolders."""
    below, others = [], found.others.setdefault(way.folder, Counter())
    try:
        with os.scandir(way.path) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"{way.path} cannot be listed: {error.strerror}; change its permissions or move it elsewhere"
        ) from error
    values, headers = (set(), set()) if pictures_alone else values_and_headers(entry.name for entry in entries)
    suffixes = PICTURE_SUFFIXES if pictures_alone else IMAGE_SUFFIXES
    for entry in entries:
        kind = kind_of(entry)
        if is_junk(entry.name, kind) or entry.name in values:
            continue
        if kind == FOLDER:
            below += _follow(entry, way, found)
        else:
            is_image = entry.name.lower().endswith(suffixes) or entry.name in headers
            is_scan = not (pictures_alone or is_image) and _is_scan(entry, kind)
            found.scans += is_scan
            _take(entry, kind, way, found, others, is_image or is_scan)
    return below


def _take(entry: os.DirEntry[str], kind: str, way: _Way, found: _Found, others: Counter[str], is_image: bool) -> None:
    """Take in one entry that is not a folder."""
    ending = ending_of(entry.name)
    path = "/".join((*way.folder, entry.name))
    if kind == SPECIAL:
        found.special.append(path)
    elif is_image:
        found.images.setdefault(way.folder, []).append(entry.name)
        found.linked = found.linked or bool(way.left) or kind == DEAD or has_other_names(entry)
    elif kind == DEAD and ending == NO_ENDING:
        found.dead.append(path)
    else:
        others[ending] += 1


def _is_scan(entry: os.DirEntry[str], kind: str) -> bool:
    """Whether it is a DICOM file, by its ending or, where it has none, by its first bytes."""
    if entry.name.lower().endswith(DICOM_SUFFIXES):
        return True
    return kind not in (DEAD, SPECIAL) and ending_of(entry.name) == NO_ENDING and holds_dicom(entry)


def _follow(entry: os.DirEntry[str], way: _Way, found: _Found) -> list[_Way]:
    """The way into a subfolder; none for a link to a folder that holds it."""
    folder = (*way.folder, entry.name)
    if not entry.is_symlink():
        real = f"{way.real.rstrip(os.sep)}{os.sep}{entry.name}"
        return [_Way(folder=folder, path=entry.path, real=real, left=way.left)]
    real = os.path.realpath(entry.path)
    if any(_holds(real, inner) for inner in (*way.left, way.real)):
        found.loops.append("/".join(folder))
        return []
    return [_Way(folder=folder, path=entry.path, real=real, left=(*way.left, way.real))]


def _holds(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def _what_else(listing: ImageListing) -> str:
    """What a folder without images holds."""
    others = listing.passed_over
    parts = []
    if others:
        parts.append(f"it holds {sum(others.values())} files of other kinds ({counted(others)})")
    parts += [advice] if (advice := advice_on(others, 0)) else []
    return ", ".join((*parts, *listing.notes)) or "it holds nothing"

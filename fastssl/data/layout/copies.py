"""Files that are called after other images, and may be copies or masks of them.

Covers: one name with two endings, and names that go on from another image's: x_roi.png or x (1).png next to x.png.
They are told and not left out, for nothing but the name speaks of it. Does not cover: names with a word for masks
(`mask_files.py`), equal content under any name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from fastssl.text import printable

from .endings import NO_ENDING, ending_of, stem_of
from .mask_fit import beginnings
from .walk import Folder

LEAST = 3
"""Files with one suffix from which on they are told."""
ENOUGH = 0.5
"""Copies for each image in their folders from which on they are told."""

Images = Mapping[Folder, list[str]]

_NUMBER = re.compile(r"\d+")
_SAYS_MORE = re.compile(r"[^\W\d_]|\(\d+\)")
"""A letter, or a number as systems add it to copies; other numbers count the images of a series."""


def notes_on_copies(images: Images) -> list[str]:
    """Say which images are called after others.

    Args:
        images: folder -> names of the image files in it, without masks.

    Returns:
        A line for those that differ in their endings, and one for each suffix.
    """
    return [*_on_endings(images), *_on_suffixes(images)]


def _on_endings(images: Images) -> list[str]:
    count, example = 0, ""
    for folder, names in images.items():
        stems: dict[str, str] = {}
        for name in names:
            stem = name if ending_of(name) == NO_ENDING else stem_of(name)
            other = stems.setdefault(stem, name)
            if other is not name:
                count += 1
                example = example or f"{_path(folder, other)} and {printable(name)}"
    if not count:
        return []
    return [f"{count} images have the name of another with another ending, all are read: copies or masks? ({example})"]


def _on_suffixes(images: Images) -> list[str]:
    count: Counter[str] = Counter()
    originals: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for folder, names in images.items():
        stems = {beginnings(name)[0] for name in names}
        suffixes = {name: suffix for name in sorted(names) if (suffix := _suffix(name, stems))}
        for name, suffix in suffixes.items():
            count[suffix] += 1
            examples.setdefault(suffix, _path(folder, name))
        for suffix in set(suffixes.values()):
            originals[suffix] += len(names) - len(suffixes)
    return [
        f"{number} images are called like another with {printable(suffix)} behind, all are read: copies or masks? "
        f"({examples[suffix]})"
        for suffix, number in count.most_common()
        if number >= max(LEAST, ENOUGH * originals[suffix])
    ]


def _suffix(name: str, stems: set[str]) -> str:
    """What a name adds to the longest other one that it goes on from, with # for a number; "" where it adds none."""
    stem, *shorter = beginnings(name)
    original = next((form for form in shorter if form in stems), None)
    if original is None or not _SAYS_MORE.search(stem[len(original) :]):
        return ""
    return _NUMBER.sub("#", stem[len(original) :])


def _path(folder: Folder, name: str) -> str:
    return printable("/".join((*folder, name)))

"""The images of a folder, grouped by the type of their values.

Covers: what the groups hold, together and each; what is said of it. Does not cover: the images themselves
(`open.py`), the range of their values (`values/value_range.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.data.reading import ImageHeader
from fastssl.data.values.value_span import ValueSpan

from .rows import FileRows

_TWELVE_BITS = 12


@dataclass(frozen=True, kw_only=True)
class ImageGroup:
    """The files of one type.

    Args:
        first: path of one of them.
        files: how many they are.
        narrow: how many of them use 12 bits or fewer, and are not all black.
        bilevel: they are black and white only.
        windowed: their values are grey levels of the full range already.
        span: of the values of all of them.
    """

    first: str
    files: int
    narrow: int
    bilevel: bool
    windowed: bool
    span: ValueSpan


def group_images(rows: Sequence[FileRows]) -> tuple[tuple[ImageGroup, ...], np.ndarray]:
    """Group the images of a pack by the type of their values.

    Args:
        rows: of all its files.

    Returns:
        The groups, and uint8 `[N]`, the index of each image's group.
    """
    images = [(own.path, one) for own in rows for one in own.frames]
    kinds: dict[tuple[np.dtype, bool, bool], list[int]] = {}
    group_of = np.zeros(len(images), np.uint8)
    for place, (_, one) in enumerate(images):
        own = kinds.setdefault((one.span.dtype, one.bilevel, one.windowed), [])
        own.append(place)
        group_of[place] = list(kinds).index((one.span.dtype, one.bilevel, one.windowed))
    groups = tuple(
        ImageGroup(
            first=images[places[0]][0],
            files=len(places),
            narrow=sum(0 < images[place][1].span.highest < 2**_TWELVE_BITS for place in places),
            bilevel=bilevel,
            windowed=windowed,
            span=ValueSpan.joined([images[place][1].span for place in places]),
        )
        for (_, bilevel, windowed), places in kinds.items()
    )
    return groups, group_of


def counted(groups: Sequence[ImageGroup]) -> list[ImageGroup]:
    """Return the groups whose values have a range: all but the windowed and the black and white ones.

    Args:
        groups: of the set.

    Returns:
        Those; the black and white ones where there are no others; none where all others are windowed.
    """
    own = [group for group in groups if not group.windowed]
    return [group for group in own if not group.bilevel] or (own if len(own) == len(groups) else [])


def describe_narrow(groups: Sequence[ImageGroup]) -> list[str]:
    """Say that a part of a 16-bit set uses 12 bits, which may be another scanner's full range.

    Args:
        groups: of the set.

    Returns:
        One line, or none.
    """
    wide = [group for group in groups if group.span.dtype == np.uint16 and group.span.highest >= 2**15]
    files, narrow = sum(group.files for group in wide), sum(group.narrow for group in wide)
    if narrow < 0.1 * files or not narrow:
        return []
    return [
        f"{narrow} of {files} images stay below {2**_TWELVE_BITS}, though others go to "
        f"{max(group.span.highest for group in wide):.0f}; if their white is another one, bring them to one scale first"
    ]


def describe_empty(rows: Sequence[FileRows], headers: Sequence[ImageHeader]) -> list[str]:
    """Say how many slices and frames were left out because there is nothing in them.

    Args:
        rows: of all files of a pack.
        headers: of those that can be read.

    Returns:
        One line, or none.
    """
    expected, found = sum(header.frames for header in headers), sum(len(own.frames) for own in rows)
    return [f"{expected - found} of {expected} slices and frames are empty and left out"] if found < expected else []


def describe_notes(rows: Sequence[FileRows]) -> list[str]:
    """Say what was changed or left out in reading the files.

    Args:
        rows: of all files of a pack.

    Returns:
        A line for each.
    """
    notes = Counter(note for own in rows for one in own.frames for note in one.notes)
    total = sum(len(own.frames) for own in rows)
    return [f"{count} of {total} images: {note}" for note, count in notes.items()]

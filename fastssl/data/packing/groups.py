"""The images of a folder, grouped by the type of their values.

Covers: what the groups hold, together and each; what is said of it. Does not cover: the images themselves
(`open.py`), the range of their values (`values/value_range.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastssl.data.values.value_span import ValueSpan

_TWELVE_BITS = 12


@dataclass(frozen=True, kw_only=True)
class ImageGroup:
    """The files of one type.

    Args:
        first: path of one of them.
        files: how many they are.
        narrow: how many of them use 12 bits or fewer, and are not all black.
        bilevel: they are black and white only.
        span: of the values of all of them.
    """

    first: str
    files: int
    narrow: int
    bilevel: bool
    span: ValueSpan

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        span = self.span
        return {
            **{"first": self.first, "files": self.files, "narrow": self.narrow, "bilevel": self.bilevel},
            **{"dtype": span.dtype.name, "lowest": span.lowest, "highest": span.highest, "pixels": span.pixels},
            **{"at_bottom": span.at_bottom, "at_top": span.at_top, "inner": span.inner},
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> ImageGroup:
        """Return the group that `as_json` wrote."""
        inner = kept["inner"]
        span = ValueSpan(
            lowest=kept["lowest"],
            highest=kept["highest"],
            dtype=np.dtype(kept["dtype"]),
            pixels=kept["pixels"],
            at_bottom=kept["at_bottom"],
            at_top=kept["at_top"],
            inner=None if inner is None else (inner[0], inner[1]),
        )
        return cls(first=kept["first"], files=kept["files"], narrow=kept["narrow"], bilevel=kept["bilevel"], span=span)


class Grouping:
    """Sorts files into groups, one after the other."""

    def __init__(self) -> None:
        self.groups: list[ImageGroup] = []
        self.group_of: list[int] = []
        self._index: dict[tuple[np.dtype, bool], int] = {}

    def add(self, path: str, span: ValueSpan, bilevel: bool) -> None:
        """Add a file to the group of its type.

        Args:
            path: of the file.
            span: of its values.
            bilevel: it is black and white only.
        """
        narrow = int(0 < span.highest < 2**_TWELVE_BITS)
        index = self._index.setdefault((span.dtype, bilevel), len(self.groups))
        if index == len(self.groups):
            self.groups.append(ImageGroup(first=path, files=1, narrow=narrow, bilevel=bilevel, span=span))
        else:
            own = self.groups[index]
            self.groups[index] = ImageGroup(
                first=own.first,
                files=own.files + 1,
                narrow=own.narrow + narrow,
                bilevel=bilevel,
                span=ValueSpan.joined([own.span, span]),
            )
        self.group_of.append(index)


def counted(groups: Sequence[ImageGroup]) -> list[ImageGroup]:
    """Return the groups whose values have a range: all but the black and white ones, unless there are no others."""
    return [group for group in groups if not group.bilevel] or list(groups)


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


def describe_notes(notes: Counter[str], total: int) -> list[str]:
    """Say what was changed or left out in reading the files.

    Args:
        notes: by their words, how many files have them.
        total: number of files.

    Returns:
        A line for each.
    """
    return [f"{count} of {total} images: {note}" for note, count in notes.items()]

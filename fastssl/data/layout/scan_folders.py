"""Folders of patients, studies and series, as archives and scanners export DICOM files; they are no classes.

Covers: names that are identifiers, dates, UIDs or numbers, and many folders with folders in them. Does not cover: the
same for pictures, whose folders with numbers are classes more often (`no_classes.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from .levels import Ways, below, by_head, heads
from .no_classes import MANY

_IDENTIFIER = re.compile(
    r"\d+(?:\.\d+){3,}"  # a UID
    r"|[0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # a hash
    r"|.*\d{3}.*"  # LIDC-IDRI-0001, 01-01-2000-30178, SE000001, 20010203
    r"|[a-z]{0,8}[ _-]?0\d",  # S01, SER_02
    re.IGNORECASE,
)
_MOST = 0.8
"""Share of the names that are identifiers."""


def are_of_patients(ways: Ways) -> bool:
    """Tell whether the first level of folders is one of patients, studies or series.

    Args:
        ways: folder -> its levels; of a set of which most files are DICOM files.

    Returns:
        Whether nearly all names are identifiers, or the folders are many and most have folders in them.
    """
    names = heads(ways)
    if _are_identifiers(names):
        return True
    inside = sum(bool(heads(below(own))) for own in by_head(ways).values())
    return len(names) >= MANY and inside > len(names) / 2


def _are_identifiers(names: Collection[str]) -> bool:
    return bool(names) and sum(bool(_IDENTIFIER.fullmatch(name)) for name in names) >= _MOST * len(names)

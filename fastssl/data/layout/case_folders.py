"""Folders of single cases, which are no classes.

Covers: subjects of BIDS with all folders below them, folders whose volumes are called after them (BraTS20_001/
BraTS20_001_t1.nii.gz) or by words for sequences alone (001/t2.nii.gz). Does not cover: folders called patient_001
(`no_classes.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from fastssl.data.reading.volumes import VOLUME_SUFFIXES

from .cases import VOLUME_WORDS, case_stem
from .endings import stem_of
from .levels import Ways
from .walk import Folder, some

_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")
FEWEST = 2
"""Folders of cases with one parent from which on they are taken for that."""


def without_case_levels(ways: Ways, images: Mapping[Folder, Sequence[str]]) -> tuple[Ways, list[str]]:
    """Leave out the levels of folders that hold one case each.

    Args:
        ways: folder -> its levels.
        images: folder -> names of the images in it.

    Returns:
        The folders with the levels above; and a line that says so, if there are any.
    """
    depths = {folder: depth for folder in ways if (depth := _depth(folder, images[folder])) is not None}
    cases = {folder[: depth + 1] for folder, depth in depths.items()}
    siblings = Counter(case[:-1] for case in cases)
    cases = {case for case in cases if siblings[case[:-1]] >= FEWEST}
    found = dict(ways)
    for folder, depth in depths.items():
        if folder[: depth + 1] in cases:
            found[folder] = tuple(level for level in ways[folder] if level < depth)
    names = sorted({case[-1] for case in cases})
    return found, [f"{len(names)} folders ({some(names)}) are single cases, no classes"] if names else []


def _depth(folder: Folder, names: Sequence[str]) -> int | None:
    """The level of the folder that is one case; None where none is."""
    if not folder or not all(name.lower().endswith(VOLUME_SUFFIXES) for name in names):
        return None
    subject = next((depth for depth, name in enumerate(folder) if _SUBJECT.fullmatch(name)), None)
    if subject is not None:
        return subject
    own = folder[-1].casefold()
    stems = [stem_of(name).casefold() for name in names]
    named = all(stem in VOLUME_WORDS or case_stem(stem) in ("", own) for stem in stems)
    return len(folder) - 1 if named else None

"""Files that hold the values of a volume whose header is a file of its own.

Covers: pairs of `.hdr` and `.img`, `.mhd` and `.nhdr` with values of the same name. Does not cover: values of another
name, which the header alone tells (`fastssl.data.reading.volumes`); they are counted as files of other kinds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

_VALUES = {
    ".hdr": (".img", ".img.gz"),
    ".hdr.gz": (".img.gz", ".img"),
    ".mhd": (".raw", ".zraw", ".raw.gz", ".img", ".bin", ".dat"),
    ".nhdr": (".raw", ".raw.gz", ".raw.bz2", ".nrrd.gz", ".gz", ".img", ".bin", ".dat", ".txt"),
}
_PAIRS = (".hdr", ".hdr.gz")
"""Endings of other files as well: a header is told by its values being there."""


def values_and_headers(names: Iterable[str]) -> tuple[set[str], set[str]]:
    """Find the headers in a folder that have values next to them.

    Args:
        names: of all files in one folder.

    Returns:
        Names of the files of values; and of the headers that only these show to be headers.
    """
    by_lower = {name.lower(): name for name in names}
    values: set[str] = set()
    headers: set[str] = set()
    for lower, name in by_lower.items():
        own = [by_lower[one] for one in _candidates(lower) if one in by_lower]
        values.update(own)
        if own and lower.endswith(_PAIRS):
            headers.add(name)
    return values, headers


def value_files_of(header: Path) -> tuple[Path, ...]:
    """Find the files of values next to a header: the volume has changed when one of them has.

    Args:
        header: path of any file.

    Returns:
        Those that are there; none for a file that is no header.
    """
    return tuple(path for name in _candidates(header.name) if (path := header.with_name(name)).is_file())


def _candidates(name: str) -> Collection[str]:
    """What the values of a header may be called; nothing for a name that is none of a header."""
    lower = name.lower()
    ending = next((ending for ending in _VALUES if lower.endswith(ending)), "")
    return [name[: -len(ending)] + values for values in _VALUES[ending]] if ending else ()

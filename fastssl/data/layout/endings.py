"""How the name of a file ends, and which files are passed over because of it.

Covers: the ending of any name, and a line where volumes are many. Does not cover: walking (`walk.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NO_ENDING = "no ending"
VOLUMES = frozenset(
    (
        *(".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr", ".mgz", ".img"),
        *(".hdr", ".minc", ".svs", ".ndpi", ".mrxs", ".scn", ".vms", ".vsi", ".czi", ".lif", ".h5", ".hdf5"),
        *(".npy", ".mat"),
    )
)
"""Medical volumes, whole slides and arrays, which are not read, or not where pictures alone are."""

ARCHIVES = frozenset((".zip", ".tar", ".tar.gz", ".tgz", ".gz", ".7z", ".rar", ".bz2", ".xz", ".tar.bz2", ".tar.xz"))

DOUBLE = (".nii.gz", ".hdr.gz", ".img.gz")
"""Endings of images with two points."""

SHOWN = 6

_ENDING = re.compile(r"(?:\.[a-z][a-z0-9]{1,7})?\.(?:gz|bz2|xz)$|\.[a-z0-9]{1,10}$")


def ending_of(name: str) -> str:
    """Return the ending of a file's name in lower case, such as ".csv" or ".nii.gz".

    Args:
        name: of a file.

    Returns:
        The ending; "no ending" where there is none, or what follows the last point is none, as in the names of many
        DICOM files ("1.2.840.113619").
    """
    found = _ENDING.search(name.lower())
    if found is None or found[0][1:].isdigit() or found.start() == 0:
        return NO_ENDING
    return found[0]


def stem_of(name: str) -> str:
    """Return a file's name without its ending, of which ".nii.gz" is one.

    Args:
        name: of a file.
    """
    lower = name.lower()
    double = next((ending for ending in DOUBLE if lower.endswith(ending)), "")
    return name[: -len(double)] if double else name.rpartition(".")[0]


def counted(endings: Mapping[str, int]) -> str:
    """Write counts as text: "120 .dcm, 3 .csv, 2 with no ending".

    Args:
        endings: ending -> number of files.

    Returns:
        The most frequent ones, then how many others there are; "" for none.
    """
    ordered = sorted(endings.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count} {'with ' if ending == NO_ENDING else ''}{ending}" for ending, count in ordered[:SHOWN]]
    if others := sum(count for _, count in ordered[SHOWN:]):
        parts.append(f"{others} others")
    return ", ".join(parts)


def advice_on(passed_over: Mapping[str, int], images: int) -> str:
    """Say what to do where other kinds of files are many.

    Args:
        passed_over: ending -> number of files that are not read.
        images: number of files that are.

    Returns:
        One line; "" where volumes, archives and files without an ending are not more than the images.
    """
    volumes = {ending: count for ending, count in passed_over.items() if ending in VOLUMES}
    nameless = passed_over.get(NO_ENDING, 0)
    archives = {ending: count for ending, count in passed_over.items() if ending in ARCHIVES}
    if sum(volumes.values()) > images:
        return f"{counted(volumes)}: volumes and arrays are not read; save their slices as PNG or TIFF files"
    if nameless > images:
        return f"{nameless} files have no ending and are no DICOM files; what are they? Give images their endings"
    if archives and sum(archives.values()) >= images:
        return f"{counted(archives)}: archives are not read; unpack them"
    return ""

"""What an entry of a folder is.

Covers: folders, files, links to nowhere, what is neither; DICOM files by their content; names of what systems, network
drives and DICOM media have besides images. Does not cover: going through folders (`walk.py`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from fastssl.data.reading.dicom import DICOMDIR, HEAD, is_dicom

FOLDER, FILE = "folder", "file"
DEAD = "dead"
"""A link to nowhere, to itself, or into a folder that may not be entered."""
SPECIAL = "special"
"""A pipe, a socket or a device, which would be read for ever."""

_JUNK_FOLDERS = re.compile(
    r"\.|__macosx|@eadir$|@recycle$|@tmp$|#recycle$|#snapshot$|~snapshot$|\$recycle\.bin$|recycler$|lost\+found$"
    r"|system volume information$|network trash folder$|temporary items$|found\.\d{3}$|__pycache__$",
    re.IGNORECASE,
)
_JUNK_FILES = re.compile(r"\.|~\$|(?:thumbs\.db|ehthumbs(?:_vista)?\.db|desktop\.ini|icon\r)$", re.IGNORECASE)


def kind_of(entry: os.DirEntry[str]) -> str:
    """Return whether an entry is a `FOLDER`, a `FILE`, `DEAD` or `SPECIAL`; links are what they lead to.

    Args:
        entry: of a folder.
    """
    try:
        if entry.is_dir():
            return FOLDER
        if entry.is_file():
            return FILE
        if entry.is_symlink() and not Path(entry.path).exists():
            return DEAD
    except OSError:
        return DEAD
    return SPECIAL


def is_junk(name: str, kind: str) -> bool:
    """Tell whether an entry is hidden, left behind by a system, a network drive or an office program, or a DICOMDIR.

    Args:
        name: of the entry.
        kind: of the entry.
    """
    if kind != FOLDER and name.lower() == DICOMDIR:
        return True
    return bool((_JUNK_FOLDERS if kind == FOLDER else _JUNK_FILES).match(name))


def holds_dicom(entry: os.DirEntry[str]) -> bool:
    """Tell whether a file is a DICOM file, by its first bytes; one that cannot be opened is none.

    Args:
        entry: of a folder, a file.
    """
    try:
        with open(entry.path, "rb", buffering=0) as file:  # noqa: PTH123 (it is twice as fast as Path.open)
            return is_dicom(file.read(HEAD))
    except OSError:
        return False


def has_other_names(entry: os.DirEntry[str]) -> bool:
    """Tell whether a file is a link, or has hard links.

    Args:
        entry: of a folder.
    """
    try:
        return entry.is_symlink() or entry.stat().st_nlink > 1
    except OSError:
        return False

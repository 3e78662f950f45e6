"""Folders and files that no other user may read: decoded images are as private as the images.

Covers: making them so, also where they exist already. Does not cover: systems without such permissions, where nothing
changes.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_FOLDER, _FILE = 0o700, 0o600


def make_private_folder(folder: Path) -> None:
    """Make a folder that its owner alone can open; one that exists is made so, if it is this user's.

    Args:
        folder: its parents are made with the usual permissions.

    Raises:
        OSError: it cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=_FOLDER, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        with contextlib.suppress(PermissionError):
            folder.chmod(_FOLDER)


def make_files_private(folder: Path) -> None:
    """Let the owner alone read the files in a folder.

    Args:
        folder: of the files; its subfolders are left as they are.
    """
    for path in folder.iterdir():
        if path.is_file():
            path.chmod(_FILE)

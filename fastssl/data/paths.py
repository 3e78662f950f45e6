"""Where data may lie: what is at a path, and errors that name the setting it was given to.

Covers: paths and home folders that are refused; files that are no data. Does not cover: ~ and ~user (`fastssl.paths`),
names of data sets (`open.py`).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fastssl import paths
from fastssl.errors import DataError

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def expanded(given: str | os.PathLike[str], setting: str) -> Path:
    """Make a path of what a user wrote.

    Args:
        given: the text; its beginning may be ~ or ~user.
        setting: that it was given to, for the error's first words.

    Returns:
        The path, with the home folder in place of ~.

    Raises:
        DataError: it is empty or has a null character, or the home folder is not known.
    """
    text = os.fspath(given)
    if not text.strip():
        raise DataError(f"{setting} is empty; give a path or leave it out")
    try:
        return paths.user_path(text)
    except ValueError as error:
        raise DataError(f"{setting}={text!r}: {error}") from None


def home_folder(instead: str) -> Path:
    """Find the user's home folder.

    Args:
        instead: what can be given so that none is needed, for the end of the error's text.

    Returns:
        The folder.

    Raises:
        DataError: the system knows none.
    """
    try:
        return paths.home_folder()
    except ValueError as error:
        raise DataError(f"the home folder is not known ({error}); {instead}") from None


def kind_of(path: Path) -> str:
    """Tell what is at a path, without opening it.

    Args:
        path: of anything.

    Returns:
        "file", "folder", "" where nothing is there; of what cannot be data, what it is: "a named pipe".

    Raises:
        DataError: the operating system does not let this user look, or a path is too long or links to itself.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}; change its permissions or give another") from error
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else _SPECIAL.get(stat.S_IFMT(mode), "no file")

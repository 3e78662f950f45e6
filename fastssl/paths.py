"""Paths as a user writes them, and the home folder.

Covers: ~ and ~user, also where the system knows no home folder; text that is no path. Does not cover: settings
(`fastssl.config.paths`), data (`fastssl.data.paths`), whether anything is there.
"""

from __future__ import annotations

import os
from pathlib import Path


def user_path(given: str | os.PathLike[str]) -> Path:
    """Make a path of what a user gave.

    Args:
        given: text or a path; its beginning may be ~ or ~user.

    Returns:
        The path, with the home folder in place of ~.

    Raises:
        ValueError: it is empty, has a null character, or the home folder is not known.
    """
    text = os.fspath(given)
    if not text:
        raise ValueError("give a path")
    if "\0" in text:
        raise ValueError("a path has no null character")
    path = Path(text)
    whose = path.parts[0] if path.parts else ""
    if whose.startswith("~") and not text.startswith("~"):  # "./~/x", which pathlib writes as "~/x"
        return path.absolute()
    try:
        return home_folder().joinpath(*path.parts[1:]) if whose == "~" else path.expanduser()
    except ValueError as error:
        unknown = str(error)
    except RuntimeError:
        unknown = f"there is no user {whose[1:]!r}"
    raise ValueError(f"{unknown}: write the path out, or begin with ./ for a name with ~")


def home_folder() -> Path:
    """Find the user's home folder.

    Returns:
        The folder.

    Raises:
        ValueError: the system knows none.
    """
    try:
        if os.environ.get("HOME") == "":  # which Python takes for the root of the file system
            raise RuntimeError
        return Path.home()
    except RuntimeError:
        raise ValueError("HOME is not set") from None

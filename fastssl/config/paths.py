"""Paths that a user gives: settings, run folders, encoder files.

Covers: ~ and ~user, text that is no path. Does not cover: whether anything is there, paths of data that may be names as
well (`fastssl.data.open`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from fastssl.errors import ConfigError


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
        if whose == "~" and os.environ.get("HOME") == "":  # which Python takes for the root of the file system
            raise RuntimeError
        return path.expanduser()
    except RuntimeError:
        known = "HOME is not set" if whose == "~" else f"there is no user {whose[1:]!r}"
        raise ValueError(f"{known}: write the path out, or begin with ./ for a name with ~") from None


def run_path(run: str | os.PathLike[str]) -> Path:
    """Make the path of a run folder or an encoder file.

    Args:
        run: as a user gave it.

    Returns:
        The path, with the home folder in place of ~.

    Raises:
        ConfigError: it is no path.
    """
    try:
        return user_path(run)
    except (TypeError, ValueError) as error:
        raise ConfigError([f"run {str(run)!r}: {error}"]) from None


def _path_setting(value: Any) -> Any:
    return user_path(value) if isinstance(value, (str, os.PathLike)) else value


def _data_setting(value: Any) -> Any:
    """Data are given as text, for they may be a name; a path becomes its text."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if isinstance(text, str):
        if not text.strip():
            raise ValueError("give a folder, an .npz file or the name of a data set")
        if "\0" in text:
            raise ValueError("a path has no null character")
    return text


PathSetting = Annotated[Path, BeforeValidator(_path_setting)]
"""The type of a setting that is a path."""

DataText = BeforeValidator(_data_setting)
"""Accepts a name of data or a path; expanding ~ is left to whoever opens them, since names come first."""

"""Paths among settings: their types, and run folders and encoder files.

Covers: refusing by the setting's name what is no path. Does not cover: ~ and ~user (`fastssl.paths`), whether anything
is there, paths of data that may be names as well (`fastssl.data.open`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from fastssl.errors import ConfigError
from fastssl.paths import user_path


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

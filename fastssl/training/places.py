"""Where the files lie that a run was made from, besides its data: written down so that they are found again.

Covers: paths in a run's settings, absolute when they are written, looked for again when they have moved along with the
run. Does not cover: data (`run_data.py`), whether what is found is still the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastssl.config.initial import path_in, with_path

_SOURCES = ("data_root", "init", "labels", "images", "masks", "fov", "split")
_PLACES = (*_SOURCES, "out")
_WEIGHTS = "init"
"""Which of them may be a name, or hold a path behind one."""


def absolute_places(settings: Mapping[str, Any]) -> dict[str, str]:
    """Make the paths in settings independent of the folder that a command is run from.

    Args:
        settings: names and values, with paths as they were given.

    Returns:
        Those of data_root, init, labels, out, images, masks, fov and split that are there and not None, as text; names
        of published weights as they are.
    """
    given = {name: settings[name] for name in _PLACES if settings.get(name) is not None}
    found = {name: _absolute(place) for name, place in given.items() if name != _WEIGHTS}
    return found | {name: with_path(given[name], _absolute) for name in given.keys() & {_WEIGHTS}}


def moved_places(settings: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Find what the settings of a run name and what has been moved together with the run.

    Args:
        settings: as the run's file has them.
        folder: that the file lies in now.

    Returns:
        Those of them, but for out, that are no longer at their place, but at the same place as seen from the run.
    """
    out, found = settings.get("out"), {}
    for name in _SOURCES:
        setting = settings.get(name)
        if not isinstance(setting, str) or not isinstance(out, str):
            continue
        place = _path_in(name, setting)
        if place is not None and not place.exists():
            moved = Path(os.path.normpath(folder / os.path.relpath(place, out)))
            if moved.exists():
                found[name] = _put(name, setting, str(moved))
    return found


def _path_in(name: str, setting: str) -> Path | None:
    """The path that a setting holds, if it holds one."""
    if name != _WEIGHTS:
        return Path(setting)
    try:
        return path_in(setting)
    except ValueError:  # of a file that was edited: told where settings are checked
        return None


def _put(name: str, setting: str, place: str) -> str:
    """A setting with another path."""
    return with_path(setting, lambda _: place) if name == _WEIGHTS else place


def _absolute(place: str | Path) -> str:
    # Without following links: a link may be meant to be changed. Path.absolute would leave ".." in.
    return os.path.abspath(Path(place).expanduser())  # noqa: PTH100

"""Where the files lie that a run was made from, besides its data: written down so that they are found again.

Covers: paths in a run's settings, absolute when they are written, looked for again when they have moved along with the
run. Does not cover: data (`run_data.py`), whether what is found is still the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SOURCES = ("data_root", "init", "labels", "images", "masks", "fov", "split")
_PLACES = (*_SOURCES, "out")


def absolute_places(settings: Mapping[str, Any]) -> dict[str, str]:
    """Make the paths in settings independent of the folder that a command is run from.

    Args:
        settings: names and values, with paths as they were given.

    Returns:
        Those of data_root, init, labels, out, images, masks, fov and split that are there and not None, as text.
    """
    given = {name: settings[name] for name in _PLACES if settings.get(name) is not None}
    # Without following links: a link may be meant to be changed. Path.absolute would leave ".." in.
    return {name: os.path.abspath(Path(place).expanduser()) for name, place in given.items()}  # noqa: PTH100


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
        place = settings.get(name)
        if isinstance(place, str) and isinstance(out, str) and not Path(place).exists():
            moved = Path(os.path.normpath(folder / os.path.relpath(place, out)))
            if moved.exists():
                found[name] = str(moved)
    return found

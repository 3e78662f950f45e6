"""The data of a run, opened again: to go on with it, to evaluate it, to look at it.

Covers: where they are now, and the settings of the run that others are opened by as well. Does not cover: opening data
(`fastssl.data`), other settings (`stored_settings.py`), whether they are still the same (`run_state.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastssl.config import ComputeConfig
from fastssl.config.data import FULL_RANGE, HOW_DATA_ARE_READ
from fastssl.data import Source, open_source
from fastssl.data.open import is_name, is_there
from fastssl.data.paths import expanded, kind_of
from fastssl.data.report import REPORT_FILE
from fastssl.errors import ConfigError, DataError
from fastssl.training.stored_settings import CONFIG, read_settings

AS_THEY_ARE = "0,255"
"""The range of 8-bit levels that were not changed."""
_OF_THESE_DATA = ("labels", "path_column", "label_column", "split_column", "group", "allow_leak")
"""Settings that say nothing of other data than the run's."""
_INHERITED = ("data_root", *(name for name in HOW_DATA_ARE_READ if name not in ("value_range", *_OF_THESE_DATA)))
_ABOUT_DATA = ("data", "data_root", *HOW_DATA_ARE_READ)


def given_about_data(config: ComputeConfig) -> dict[str, Any]:
    """Pick the settings about data that were asked for.

    Args:
        config: of any command.

    Returns:
        Those that were given, by name; a value range of None among them asks for "auto".
    """
    named = {name: getattr(config, name) for name in _ABOUT_DATA if name in config.model_fields_set}
    return {name: value for name, value in named.items() if value is not None or name == "value_range"}


def open_run_data(
    folder: Path,
    given: Mapping[str, Any],
    *,
    known_range: str | None,
    size: int | None,
    notify: Callable[[str], None] | None = None,
) -> Source:
    """Open the data that are asked for, else those of a run; what is not asked for is as the run has it.

    Args:
        folder: of the run, which need not be there.
        given: as `given_about_data` picks it.
        known_range: the value range that the encoder was trained with, as `EncoderSpec.value_range` keeps it. By it the
            data are opened, unless another is given. None and "full" leave 8-bit images as they are; of other data than
            the run's with more bits they say nothing, so that their range is found in them.
        size: side in pixels that images are opened at.
        notify: called with one line of text whenever there is something to tell.

    Returns:
        The data.

    Raises:
        ConfigError: neither names any data.
        DataError: they cannot be opened.
    """
    own = read_settings(folder) if (folder / CONFIG).is_file() else {}
    data = given.get("data") or own.get("data")
    if data is None:
        raise ConfigError([f"data: {folder} has no {CONFIG} that names its data; give --data"])
    same = _means(data, own.get("data"))
    settings = reading_of_run(folder, given)
    place, root = place_of_data(folder, data, settings.pop("data_root", None), given="data" in given)

    def opened(value_range: str | None) -> Source:
        return open_source(place, root=root, size=size, value_range=value_range, notify=notify, **settings)

    if "value_range" in given:
        return opened(given["value_range"])
    if known_range not in (None, FULL_RANGE):
        source = opened(known_range)
        how = source.report.value_range.replace("as given", "as in training")
        return replace(source, report=replace(source.report, value_range=how))
    if same:
        return opened(FULL_RANGE)
    found = opened(None)
    stretched = found.splits["train"].images.dtype.itemsize == 1 and found.value_range not in (None, AS_THEY_ARE)
    return opened(FULL_RANGE) if stretched else found


def reading_of_run(folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Say how the data that are asked for, else those of a run, are read; what is not asked for is as the run has it.

    Args:
        folder: of the run, which need not be there.
        given: as `given_about_data` picks it.

    Returns:
        Arguments of `open_source`, but for the data, their size and their value range. What is of the run's own data
        alone, such as their table, is there where these are asked for.
    """
    own = read_settings(folder) if (folder / CONFIG).is_file() else {}
    same = _means(given.get("data") or own.get("data") or "", own.get("data"))
    found = {name: given.get(name, own.get(name)) for name in (*_INHERITED, *(_OF_THESE_DATA if same else ()))}
    found |= {name: given[name] for name in _OF_THESE_DATA if name in given}
    return {name: value for name, value in found.items() if value is not None}


def place_of_data(
    folder: Path, data: str, root: str | os.PathLike[str] | None, *, given: bool = False
) -> tuple[str, str | os.PathLike[str] | None]:
    """Find where the data of a run are now: where they were, as seen from here, or as seen from the run.

    Args:
        folder: of the run.
        data: as its settings have them, or as they are asked for now.
        root: the folder of MedMNIST files, likewise.
        given: they were asked for now, so that what is there under this name comes first.

    Returns:
        What to open, and with which root.

    Raises:
        DataError: they are at none of these places.
    """
    own = read_settings(folder) if (folder / CONFIG).is_file() else {}
    if not _means(data, own.get("data")):
        return data, root
    before = _place_before(folder)
    known = [place for place in (before, _beside(folder, before, own.get("out"))) if place and kind_of(place)]
    if is_name(data):
        moved = root is not None and known and not kind_of(expanded(root, "data_root"))
        return data, known[0].parent if moved else root
    here = is_there(data, root)
    if known and not (here and given):
        return str(known[0]), root
    if not here:
        places = " or ".join(dict.fromkeys(str(place) for place in (before, data) if place))
        raise DataError(f"the data of {folder} are no longer at {places}; say where they are with --data")
    return data, root


def _means(data: str, own: str | None) -> bool:
    """Whether data are asked for in the words in which a run asked for its own."""
    return own is not None and (data == own or os.path.normpath(data) == os.path.normpath(own))


def _place_before(folder: Path) -> Path | None:
    """Where the data were when they were read last; None of what is built in, and of runs that kept no record."""
    try:
        kept = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))["path"]
        return Path(kept) if kept and Path(kept).is_absolute() else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _beside(folder: Path, place: Path | None, out: object) -> Path | None:
    """The same place as seen from the run, which may have been moved together with its data."""
    if place is None or not isinstance(out, str) or not Path(out).is_absolute():
        return None
    return Path(os.path.normpath(folder.absolute() / os.path.relpath(place, out)))

"""`fastssl inspect`: what is in data, before anything is trained on them.

Covers: from settings to an inspection, what is printed, the files. Does not cover: looking (`inspect_source.py`), lines
(`report.py`), which images are drawn (`sheets.py`).
"""

from __future__ import annotations

import json as json_format
import os
import re
from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config.base import build
from fastssl.config.inspect import InspectConfig
from fastssl.console import new_console, say
from fastssl.data import open_source
from fastssl.data.patients import PatientOptions
from fastssl.data.reading.options import ReadingOptions
from fastssl.errors import ConfigError
from fastssl.files import without_nan, write_atomically, write_json
from fastssl.previews.sheet_drawing import draw

from .inspect_source import inspect_source
from .inspection import Inspection
from .report import fact_lines, warning_lines
from .sheets import sheets_of

FILE = "inspection.json"
SHEET_NAMES = re.compile(r"classes(-\d+)?\.png|duplicates\.png|suspects\.png")
NOT_STOPPED_AT = {"skip_corrupt": True, "allow_leak": True}
"""Where training stops and this does not: files that cannot be read, patients in two splits. Both are warned of."""


def inspect(
    data: str | os.PathLike[str] | None = None,
    config: InspectConfig | None = None,
    /,
    *,
    json: bool = False,
    console: Console | None = None,
    **settings: Any,
) -> Inspection:
    """Look at data before anything is trained on them: counts, files, pixels, duplicates, and what to do about it.

    The folder `out` gets `inspection.json` and contact sheets: `classes.png`, and, where there is anything on them,
    `duplicates.png` and `suspects.png`. With `sheet=False` and no `out` nothing is written.

    Args:
        data: as `fastssl.train` takes them; None: those of the settings.
        config: what is asked for; or give its fields as `settings`.
        json: print all that was found as JSON; all other lines go to standard error.
        console: where it is printed; standard output by default.
        **settings: the fields of `InspectConfig`, in place of `config`.

    Returns:
        What was found, which is also printed. Warnings are no errors.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: data that cannot be opened.
        OSError: a file cannot be written.
        TypeError: both `config` and `settings` are given.
    """
    config = _config_of(data, config, settings)
    out = _folder(config)
    console = console or new_console()
    talk = new_console(stderr=True) if json else console

    def notify(line: str) -> None:
        say(talk, line)

    source = open_source(config.data, **{**config.reading, **NOT_STOPPED_AT}, notify=notify)
    say(talk, *source.report.lines())
    found = inspect_source(
        source,
        near_distance=config.near_distance,
        headers=ReadingOptions.of(config.reading),
        patients=PatientOptions(pseudonymise=config.pseudonymise),
        notify=notify,
    )
    say(talk, *fact_lines(found, talk.width), "", *warning_lines(found.warnings, talk.width))
    if out is not None:
        say(talk, "", f"wrote {', '.join(_write(found, out, config.thumbnails if config.sheet else 0))} into {out}")
    if json:
        text = json_format.dumps(without_nan(found.as_json()), indent=1, allow_nan=False)
        say(console, *text.splitlines())
    return found


def _config_of(
    data: str | os.PathLike[str] | None, config: InspectConfig | None, settings: dict[str, Any]
) -> InspectConfig:
    if config is not None and settings:
        raise TypeError(f"give an InspectConfig or settings, not both (got {', '.join(settings)} as well)")
    asked = settings if config is None else config.model_dump(exclude_unset=True)
    if data is not None and "data" in asked:
        raise ConfigError([f"data={asked['data']!r}: {os.fspath(data)!r} is given as well; give one"])
    return build(InspectConfig, {**asked, **({} if data is None else {"data": data})})


def _folder(config: InspectConfig) -> Path | None:
    """Where files go, refused before any work is done for them; None where none are written."""
    if config.out is None and not config.sheet:
        return None
    folder = config.out or Path(f"inspect-{Path(config.data).resolve().stem or 'data'}")
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise ConfigError([f"out={str(folder)!r}: {there} is a file; give a folder"])
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError([f"out={str(folder)!r}: {there} may not be written; give another --out, or --no-sheet"])
    return folder


def _write(found: Inspection, out: Path, thumbnails: int) -> list[str]:
    """Write the record, and the sheets if there are thumbnails to draw."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / FILE, found.as_json())
    sheets = sheets_of(found, thumbnails) if thumbnails else {}
    for name, sheet in sheets.items():
        write_atomically(out / name, draw(sheet))
    for stale in out.glob("*.png") if sheets else ():  # of an inspection before this one
        if SHEET_NAMES.fullmatch(stale.name) and stale.name not in sheets:
            stale.unlink()
    return [FILE, *sheets]

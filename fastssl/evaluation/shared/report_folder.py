"""The folder that an evaluation's report goes into, checked before any work is done for it.

Covers: where it is, what cannot be such a folder. Does not cover: the files in it (`report.py`).
"""

from __future__ import annotations

import os
from pathlib import Path

from fastssl.errors import ConfigError

REPORT = "report"


def report_folder(out: Path | None, run_folder: Path) -> Path:
    """Return the folder of a report.

    Args:
        out: as asked for; None for the run's.
        run_folder: of the first run.
    """
    return (out or run_folder) / REPORT


def writable_report_folder(out: Path | None, run_folder: Path) -> Path:
    """Return the folder of a report, which is there or can be made.

    Args:
        out: as asked for; None for the run's.
        run_folder: of the first run.

    Raises:
        ConfigError: it is a file, or lies in one, or in a folder that may not be written.
    """
    folder = report_folder(out, run_folder)
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not there.is_dir():
        where = f"out={str(out)!r}" if out is not None else f"report of {run_folder}"
        raise ConfigError([f"{where}: {there} is a file; give another --out, a folder"])
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError([f"{there}: may not be written; give the report another --out"])
    return folder

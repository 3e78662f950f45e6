"""How many checkpoints a run keeps, and the remains of writers that were killed.

Covers: removing all but the newest sound ones, clearing what is half-written or half-removed. Does not cover: writing
(`checkpoint.py`). Whoever calls this holds the lock of the run folder (`run_lock.py`).
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from fastssl.errors import CheckpointError
from fastssl.files import PARTIAL
from fastssl.training.checkpoint import REPLACED, check_sound, checkpoints_in


class Retention:
    """Keeps the newest sound checkpoints of a folder; a damaged one does not count as one that is kept.

    Args:
        folder: of the run's checkpoints.
        keep: how many, at least 1.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep
        self._sound: set[str] = set()

    def add(self, step: int) -> None:
        """Count a checkpoint as sound without reading it, as it was just written or read.

        Args:
            step: of the checkpoint.
        """
        self._sound.add(f"step-{step:08d}")

    def prune(self) -> None:
        """Remove all but the newest sound ones. One that cannot be read now stays, and does not count either."""
        kept = 0
        for path in checkpoints_in(self._folder):
            if kept < self._keep:
                sound = self._is_sound(path)
                kept += sound is True
                if sound is not False:
                    continue
            _remove(path)

    def _is_sound(self, path: Path) -> bool | None:
        """Each is read once at most; None where it cannot be read."""
        if path.name in self._sound:
            return True
        try:
            check_sound(path)
        except CheckpointError:
            return False
        except OSError:
            return None
        self._sound.add(path.name)
        return True


def clear_remains(folder: Path) -> None:
    """Remove what a killed process left half-written, and put back a checkpoint that it was about to replace.

    Args:
        folder: of the run's checkpoints, which may not be there.
    """
    for path in folder.glob(f".step-*{REPLACED}"):
        final = path.with_name(path.name[1:].removesuffix(REPLACED))
        if final.exists():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.rename(final)
    for path in folder.glob(f".step-*{PARTIAL}"):
        shutil.rmtree(path, ignore_errors=True)


def _remove(path: Path) -> None:
    """First out of sight, so that a checkpoint half-removed is not taken for a damaged one."""
    hidden = path.with_name(f".{path.name}{PARTIAL}")
    with suppress(OSError):
        shutil.rmtree(hidden, ignore_errors=True)
        path.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)

"""Checkpoints that are whole or not there at all.

Covers: what a checkpoint is, atomic writing of its folder, checksums, choosing the newest sound one. Does not cover:
what goes into one (`run_state.py`), when one is written (`checkpoint_policy.py`, `checkpoint_writer.py`), how many are
kept (`retention.py`), the exported encoder (`fastssl.models`), single files (`fastssl.files`).

A checkpoint is a folder `step-00001234` of safetensors files, `state.json`, and `manifest.json` with a checksum of each
of them. It is written under a temporary name, synced to disk, then renamed. A folder of any other name is none.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from fastssl.errors import CheckpointError
from fastssl.files import PARTIAL, sync, write_synced
from fastssl.models.tensor_file import read_tensors
from fastssl.training.tensor_pieces import tensor_pieces

REPLACED = ".replaced"
"""How the hidden folder of a checkpoint ends whose place another of the same step is taking."""

_MANIFEST = "manifest.json"
_STATE = "state.json"
_TENSORS = ".safetensors"
_NAME = re.compile(r"step-(\d{8,})")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The whole state of a run after a step.

    Args:
        step: how many steps are finished.
        tensors: by group and name; each group is a file.
        state: all else, as JSON knows it.
    """

    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    state: Mapping[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, check: Callable[[], None] = lambda: None) -> Path:
    """Write a checkpoint; none that is there is touched, but one of the same step, once the new one is on disk.

    Args:
        folder: of the run's checkpoints; made where it is not there.
        checkpoint: what to write; its tensors are row-major, on the CPU, and not changed meanwhile.
        check: called between pieces of at most 16 MB; what it raises ends the writing.

    Returns:
        The folder of this checkpoint.

    Raises:
        OSError: it cannot be written; the others are still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{checkpoint.step:08d}"
    partial = folder / f".{final.name}{PARTIAL}"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        files: dict[str, Iterable[bytes | memoryview]] = {
            group + _TENSORS: tensor_pieces(tensors) for group, tensors in checkpoint.tensors.items()
        }
        files[_STATE] = [json.dumps(checkpoint.state).encode()]
        checksums = {name: _write(partial / name, pieces, check) for name, pieces in files.items()}
        write_synced(partial / _MANIFEST, json.dumps(dict(sorted(checksums.items())), indent=1))
        sync(partial)
        _put_in_place(partial, final)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(folder)
    return final


def checkpoints_in(folder: Path) -> list[Path]:
    """List the checkpoints of a run, whether or not they are sound.

    Args:
        folder: of the run's checkpoints.

    Returns:
        Their folders, the newest first; none where there is no such folder.
    """
    found = {int(match[1]): path for path in folder.glob("step-*") if (match := _NAME.fullmatch(path.name))}
    return [found[step] for step in sorted(found, reverse=True)]


def load_newest(folder: Path, notify: Callable[[str], None] = print) -> Checkpoint:
    """Read the newest checkpoint whose checksums hold.

    Args:
        folder: of the run's checkpoints.
        notify: called with a line for each damaged checkpoint, which is passed over.

    Returns:
        The checkpoint, its tensors on the CPU.

    Raises:
        CheckpointError: there is none, or none is sound.
    """
    found = checkpoints_in(folder)
    for path in found:
        try:
            return _load(path)
        except CheckpointError as error:
            notify(f"warning: {error}; trying the one before it")
    what = "every checkpoint is damaged" if found else "no checkpoint to resume from"
    raise CheckpointError(f"{folder}: {what}; start anew with --overwrite")


def check_sound(path: Path) -> tuple[str, ...]:
    """Compare every file of a checkpoint with its checksum.

    Args:
        path: its folder.

    Returns:
        The names of the files.

    Raises:
        CheckpointError: a file is damaged or missing.
        OSError: a file cannot be read, which says nothing about what is in it.
    """
    try:
        checksums = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged ({_MANIFEST}: {_reason(error)})") from None
    if not isinstance(checksums, dict) or not all(_is_plain(name) for name in checksums) or _STATE not in checksums:
        raise CheckpointError(f"{path}: damaged ({_MANIFEST} is not one)")
    damaged = [name for name, checksum in checksums.items() if _checksum(path / name) != checksum]
    if damaged:
        raise CheckpointError(f"{path}: damaged ({', '.join(damaged)} does not match its checksum)")
    return tuple(checksums)


def _load(path: Path) -> Checkpoint:
    try:
        names = check_sound(path)
        state = json.loads((path / _STATE).read_text(encoding="utf-8"))
        tensors = {name.removesuffix(_TENSORS): read_tensors(path / name) for name in names if name.endswith(_TENSORS)}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged ({_reason(error)})") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: damaged ({_STATE} is not one)")
    return Checkpoint(step=int(path.name.removeprefix("step-")), tensors=tensors, state=state)


def _write(path: Path, pieces: Iterable[bytes | memoryview], check: Callable[[], None]) -> str:
    """Write a file, and return the checksum of what was meant to be written."""
    digest = hashlib.blake2b(digest_size=16)

    def seen() -> Iterator[bytes | memoryview]:
        for piece in pieces:
            check()
            digest.update(piece)
            yield piece

    write_synced(path, seen())
    return digest.hexdigest()


def _put_in_place(partial: Path, final: Path) -> None:
    """Rename; should this be cut short between the two renames, `retention.clear_remains` undoes the first."""
    if not final.exists():
        partial.rename(final)
        return
    old = final.with_name(f".{final.name}{REPLACED}")
    shutil.rmtree(old, ignore_errors=True)
    final.rename(old)
    partial.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def _is_plain(name: str) -> bool:
    """Whether it names a file in the folder itself."""
    return name not in ("", ".", "..") and "/" not in name and "\\" not in name and "\0" not in name


def _checksum(path: Path) -> str:
    """Of a file; "" where there is none."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    except (FileNotFoundError, IsADirectoryError):
        return ""
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

"""Checkpoints that are whole or not there at all.

Covers: how often they come, atomic writing of checkpoint folders, checksums, choosing the newest sound one. Does not
cover: what goes into one (`run_state.py`), the exported encoder (`fastssl.models`), single files (`fastssl.files`).

A checkpoint is a folder `step-00001234` of safetensors files, `state.json`, and `manifest.json` with a checksum of each
of them. It is written under a temporary name, synced to disk, then renamed; the newest two are kept.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from fastssl.errors import CheckpointError
from fastssl.files import sync, write_synced
from fastssl.models.tensor_file import storable

KEEP = 2
CHECKPOINT_SECONDS = 60.0

_MANIFEST = "manifest.json"
_STATE = "state.json"


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


@dataclass(frozen=True, kw_only=True)
class CheckpointPolicy:
    """Where checkpoints go, how often, and what must still be the same when one is resumed.

    Args:
        folder: of the run's checkpoints.
        every_steps: steps from one to the next; None: by time.
        every_seconds: seconds from one to the next, where that is by time.
        identity: what the run is made of, such as {"data": a fingerprint}; stored with every checkpoint.
    """

    folder: Path
    every_steps: int | None = None
    every_seconds: float = CHECKPOINT_SECONDS
    identity: Mapping[str, Any] = field(default_factory=dict)

    def is_due(self, step: int, seconds: float) -> bool:
        """Tell whether the next checkpoint is to be written.

        Args:
            step: how many steps are finished.
            seconds: since the last checkpoint.

        Returns:
            Whether it is.
        """
        return seconds >= self.every_seconds if self.every_steps is None else step % self.every_steps == 0


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint and remove all but the newest two.

    Args:
        folder: of the run's checkpoints; made where it is not there.
        checkpoint: what to write, also over one of the same step.

    Returns:
        The folder of this checkpoint.

    Raises:
        OSError: it cannot be written; the older ones are still there.
    """
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{checkpoint.step:08d}"
    partial = folder / f".{final.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        for group, tensors in checkpoint.tensors.items():
            # Row-major; channels-last comes back when they are copied into the module.
            write_synced(partial / f"{group}.safetensors", save(storable(tensors)))
        write_synced(partial / _STATE, json.dumps(checkpoint.state))
        checksums = {file.name: _checksum(file) for file in sorted(partial.iterdir())}
        write_synced(partial / _MANIFEST, json.dumps(checksums, indent=1))
        sync(partial)
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
        sync(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _prune(folder)
    return final


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
    found = sorted(folder.glob("step-*"), reverse=True)
    for path in found:
        try:
            return _load(path)
        except CheckpointError as error:
            notify(f"{error}; trying the one before it")
    what = "every checkpoint is damaged" if found else "no checkpoint to resume from"
    raise CheckpointError(f"{folder}: {what}; start anew with --overwrite")


def _load(path: Path) -> Checkpoint:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        checksums = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        damaged = [name for name, checksum in checksums.items() if _checksum(path / name) != checksum]
        if damaged:
            raise CheckpointError(f"{path}: damaged ({', '.join(damaged)} does not match its checksum)")
        state = json.loads((path / _STATE).read_text(encoding="utf-8"))
        tensors = {file.stem: load_file(file) for file in path.glob("*.safetensors")}
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{path}: damaged ({error})") from None
    return Checkpoint(step=int(path.name.removeprefix("step-")), tensors=tensors, state=state)


def _checksum(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _prune(folder: Path) -> None:
    """Remove all but the newest, and what a killed process left half-written."""
    for path in [*sorted(folder.glob("step-*"))[:-KEEP], *folder.glob(".step-*.partial")]:
        shutil.rmtree(path, ignore_errors=True)

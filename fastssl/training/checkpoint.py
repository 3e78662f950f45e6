"""Checkpoints that are whole or not there at all.

Covers: atomic writing of checkpoint folders, checksums, choosing the newest sound one. Does not cover: what goes into a
checkpoint (`engine.py`), the exported encoder (`fastssl.models`), single files (`fastssl.files`).

A checkpoint is a folder `step-00001234` of safetensors files, `state.json`, and `manifest.json` with a checksum of each
of them. It is written under a temporary name, synced to disk, then renamed; the newest two are kept.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fastssl.errors import CheckpointError
from fastssl.files import sync, write_synced
from fastssl.training.memory_order import MemoryOrder

KEEP = 2

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
            content = save({key: _storable(value) for key, value in tensors.items()})
            write_synced(partial / f"{group}.safetensors", content)
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


def flatten_optimizer(optimizer: torch.optim.Optimizer, order: MemoryOrder) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Take an optimiser's state apart into what safetensors and what JSON can store.

    Args:
        optimizer: made from `order.views`.
        order: of the parameters in memory.

    Returns:
        Tensors by `INDEX.NAME` (of the parameter and of the state), in the parameters' own shapes; all else, likewise.
    """
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, Any] = {}
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = order.from_memory(index, value)
            else:
                scalars[f"{index}.{name}"] = value
    return tensors, scalars


def restore_optimizer(
    optimizer: torch.optim.Optimizer, order: MemoryOrder, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]
) -> None:
    """Load what `flatten_optimizer` returned; hyper-parameters stay those that the optimiser was made with.

    Args:
        optimizer: made from `order.views`; loaded in place.
        order: of the parameters in memory.
        tensors: first result of `flatten_optimizer`.
        scalars: its second result.
    """
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *scalars.items()]:
        index, name = key.split(".", 1)
        stored = order.to_memory(int(index), value) if isinstance(value, Tensor) else value
        state.setdefault(int(index), {})[name] = stored
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def restore_module(module: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Load a module's state, all of it and nothing else.

    Args:
        module: loaded in place.
        tensors: its `state_dict`.
        origin: where they come from, for the error.

    Raises:
        CheckpointError: they do not fit the module.
    """
    try:
        module.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{origin}: made for another model ({reason})") from None


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


def _storable(tensor: Tensor) -> Tensor:
    """Row-major, as safetensors stores them; channels-last comes back when they are copied into the module."""
    return tensor.detach().cpu().contiguous()


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

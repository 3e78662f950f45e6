"""Checkpoints that are whole or not there at all.

Covers: atomic writing of checkpoint folders, checksums, choosing the newest sound one. Does not cover: what goes into a
checkpoint (`engine.py`), the exported encoder (`models/encoder.py`), files (`fastssl.files`).

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


@dataclass(frozen=True)
class Checkpoint:
    """Named groups of tensors, and a JSON-able state."""

    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    state: Mapping[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `checkpoint` into `folder` and remove all but the newest two; returns its own folder."""
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
    """The newest checkpoint whose checksums hold; a damaged one is named through `notify` and passed over.

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
    """An optimiser's state as flat tensors `index.name`, in the parameters' own shapes, and the JSON-able rest."""
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
    """The inverse of `flatten_optimizer`; hyper-parameters stay those that the optimiser was made with."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *scalars.items()]:
        index, name = key.split(".", 1)
        stored = order.to_memory(int(index), value) if isinstance(value, Tensor) else value
        state.setdefault(int(index), {})[name] = stored
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def restore_module(module: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Load a module's state strictly, as one clear line where it does not fit."""
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
    return Checkpoint(int(path.name.removeprefix("step-")), tensors, state)


def _storable(tensor: Tensor) -> Tensor:
    """safetensors stores row-major tensors; channels-last ones get their layout back when copied into the module."""
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

"""A copy of a run's state, so that training can go on while it is written.

Covers: copying tensors into memory of their own, from a GPU without waiting for it; whether every weight is finite.
Does not cover: what the state consists of (`run_state.py`), writing it (`checkpoint_writer.py`).

Until it is written, a copy takes as much memory of the host as the stage and its optimiser's state take: about 150 MB
for MoCo with a ResNet-18, whose two encoders, momentum and queue these are. On CUDA that memory is pinned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fastssl.models.tensor_file import is_no_bound
from fastssl.training.checkpoint import Checkpoint

CHECKED = "stage"
"""The group of tensors whose numbers have to be finite."""
PIECE = 1 << 15
"""Numbers of a piece that is looked at by one thread: torch's own grain."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A checkpoint that nobody changes any more.

    Args:
        checkpoint: its tensors are row-major, on the CPU; on their way from a GPU until `copied`.
        copied: the event after the copies; None where nothing came from a GPU.
    """

    checkpoint: Checkpoint
    copied: torch.cuda.Event | None = None

    @property
    def from_gpu(self) -> bool:
        """Whether any of its tensors came from a GPU."""
        return self.copied is not None

    def wait(self) -> None:
        """Return once everything has arrived."""
        if self.copied is not None:
            self.copied.synchronize()

    def not_finite(self) -> str | None:
        """Name the first tensor of the stage that holds a nan or an infinity; None if none does. Call `wait` first."""
        tensors = self.checkpoint.tensors[CHECKED]
        return next((name for name, own in tensors.items() if not (_is_finite(own) or is_no_bound(own))), None)


def take_snapshot(checkpoint: Checkpoint) -> Snapshot:
    """Copy a checkpoint, without waiting for a GPU.

    Args:
        checkpoint: whose tensors are those of the run themselves.

    Returns:
        The copy; steps that are launched after this call do not change it.
    """
    tensors = {
        group: {name: _copied(tensor) for name, tensor in members.items()}
        for group, members in checkpoint.tensors.items()
    }
    copied = None
    if any(tensor.is_cuda for members in checkpoint.tensors.values() for tensor in members.values()):
        copied = torch.cuda.Event()
        copied.record()
    return Snapshot(checkpoint=replace(checkpoint, tensors=tensors), copied=copied)


def _copied(tensor: Tensor) -> Tensor:
    """Row-major, as safetensors stores tensors; channels-last comes back when they are copied into the module."""
    tensor = tensor.detach()
    if tensor.is_cuda:
        return tensor.contiguous().to("cpu", non_blocking=True)  # pinned by torch's caching host allocator
    if tensor.device.type != "cpu":
        return tensor.contiguous().to("cpu")  # an Apple GPU's; the copy waits for it
    return tensor.clone(memory_format=torch.contiguous_format)


def _is_finite(tensor: Tensor) -> bool:
    # A sum reads each number once, where `isfinite` writes two tensors of its own; few sums of finite numbers overflow.
    # The pieces are too short for torch to share them out among threads: those are training.
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    return all(
        math.isfinite(abs(piece.sum().item())) or bool(piece.isfinite().all())
        for piece in tensor.reshape(-1).split(PIECE)
    )

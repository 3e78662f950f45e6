"""A batch's small arrays on the device: all of them in one copy, taken apart there by offset.

Covers: parameters of a view, indices and labels, of any shape and of every dtype that NumPy and torch share. On a GPU
they are laid out in one pinned buffer and copied without a wait; each `.to(device)` of its own would wait for the
device, since NumPy's memory is not pinned, and a view draws up to a dozen arrays. On a CPU nothing is copied.
Does not cover: images (`store.py`), which are too large to be gathered once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

ALIGNMENT = 16
"""Bytes that every array begins at a multiple of: the widest load of a GPU, and more than any dtype needs."""


class Slot(NamedTuple):
    """Where an array lies in the buffer: bytes [first, first + size)."""

    first: int
    size: int
    dtype: torch.dtype
    shape: tuple[int, ...]


def slots_of(arrays: Sequence[np.ndarray]) -> tuple[list[Slot], int]:
    """A slot for each array, one after the other, and the buffer's size in bytes. Raises TypeError as torch does."""
    slots, end = [], 0
    for values in arrays:
        slots.append(Slot(end, values.nbytes, _torch_dtype(values.dtype), values.shape))
        end += -(-values.nbytes // ALIGNMENT) * ALIGNMENT
    return slots, end


def pack(arrays: Sequence[np.ndarray], slots: Sequence[Slot], buffer: Tensor) -> None:
    """Copy the arrays, however they lie, into a uint8 buffer on the host."""
    memory = buffer.numpy()
    for values, slot in zip(arrays, slots, strict=True):
        memory[slot.first : slot.first + slot.size].view(values.dtype).reshape(slot.shape)[...] = values


def unpack(buffer: Tensor, slots: Sequence[Slot]) -> list[Tensor]:
    """The arrays as views of a uint8 buffer, on whichever device it lies."""
    return [buffer[slot.first : slot.first + slot.size].view(slot.dtype).view(slot.shape) for slot in slots]


def to_device(device: torch.device, *groups: Mapping[str, np.ndarray]) -> tuple[dict[str, Tensor], ...]:
    """Each group's arrays as tensors on the device. On a GPU they all share one buffer, on a CPU the arrays' memory."""
    moved = iter(_moved([values for group in groups for values in group.values()], device))
    return tuple({name: next(moved) for name in group} for group in groups)


def _moved(arrays: Sequence[np.ndarray], device: torch.device) -> list[Tensor]:
    if device.type != "cuda":
        return [torch.from_numpy(values).to(device) for values in arrays]
    slots, size = slots_of(arrays)
    # torch's allocator of pinned memory keeps the block until the copy, which it has seen, is done.
    host = torch.empty(size, dtype=torch.uint8, pin_memory=True)
    pack(arrays, slots, host)
    return unpack(host.to(device, non_blocking=True), slots)


@lru_cache(maxsize=32)
def _torch_dtype(dtype: np.dtype) -> torch.dtype:
    return torch.from_numpy(np.empty(0, dtype)).dtype

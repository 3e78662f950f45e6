"""Memory of large batches on a CPU, used again once nobody holds the batch that lay in it.

Covers: tensors too large for the C library to keep when they are freed. Does not cover: smaller ones, and those on a
GPU, which their allocators keep.

Fresh memory is cleared page by page as it is first written: 38 MB take 15 ms of a core, and 1.6 where the memory was
written before (a virtual machine).
"""

from __future__ import annotations

import math
import weakref
from collections import deque

import numpy as np
import torch
from torch import Tensor

ALIGNMENT = 64
"""Bytes, as torch's own allocator aligns."""


class BatchMemory:
    """Blocks of memory, as many as batches were ever held at once. Any thread may ask for one, and free it."""

    def __init__(self) -> None:
        self._free: deque[np.ndarray] = deque()

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """As `torch.empty` on the CPU. The block comes back here when the last tensor that shares it is gone."""
        size = math.prod(shape) * dtype.itemsize
        block = self._block(size + ALIGNMENT)
        first = -block.ctypes.data % ALIGNMENT
        elements = block[first : first + size]
        # torch holds on to `elements` for as long as any view of the tensor lives.
        weakref.finalize(elements, self._free.append, block).atexit = False
        return torch.from_numpy(elements).view(dtype).view(shape)

    def _block(self, size: int) -> np.ndarray:
        """A free block; those that are too small are dropped, so that blocks grow with the batches."""
        while self._free:
            try:
                block = self._free.popleft()
            except IndexError:  # another thread was faster
                break
            if len(block) >= size:
                return block
        return np.empty(size, dtype=np.uint8)

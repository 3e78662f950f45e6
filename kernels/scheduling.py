"""How work is cut for a GPU that is not there to be tuned on.

Covers: what a program's tile is, and how many slices a long axis is cut into. Does not cover: tile sizes; each
operation has its own static table.
There is no autotuning at user run time: a first call must not be slow, and two runs must launch the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

# Where Triton interprets kernels on the CPU: few programs, because each costs milliseconds of Python.
INTERPRETED_PROCESSORS = 4
MOST_SLICES = 256
# Plans of launches that are kept, per operation: a training run asks for a few, again every step.
PLANS = 256
# Elements that parts of a scratch buffer begin at multiples of: 256 bytes of fp32, as CUDA's allocator aligns.
SCRATCH_ALIGNMENT = 64


class Tile(NamedTuple):
    """One program's tile of logits, its warps and pipeline stages, and how many programs a processor holds at once."""

    rows: int
    keys: int
    warps: int
    stages: int
    resident: int


@cache
def processors(device: torch.device) -> int:
    """Streaming multiprocessors of the device."""
    if device.type != "cuda":
        return INTERPRETED_PROCESSORS
    return torch.cuda.get_device_properties(device).multi_processor_count


@cache
def capability(device: torch.device) -> tuple[int, int]:
    """Compute capability; interpreted kernels take the table of sm_90."""
    return torch.cuda.get_device_capability(device) if device.type == "cuda" else (9, 0)


@lru_cache(maxsize=PLANS)
def slices(row_tiles: int, key_tiles: int, slots: int) -> int:
    """Slices of the key axis that finish soonest when `slots` programs run at once; the fewest among equals.

    A wave of programs takes as long as its slice has tiles, plus about one tile for prologue and epilogue (the
    flash-attention split-KV rule, made exact for slices of whole tiles).

    >>> slices(row_tiles=2, key_tiles=512, slots=132)
    64
    """

    def cost(count: int) -> int:
        waves = -(-row_tiles * count // slots)
        return waves * (-(-key_tiles // count) + 1)

    return min(range(1, min(key_tiles, MOST_SLICES) + 1), key=lambda count: (cost(count), count))


def scratch_sizes(*sizes: int) -> tuple[int, ...]:
    """What `scratch` is asked for: parts of these many elements, each rounded up to whole alignments."""
    return tuple(-(-size // SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT for size in sizes)


def scratch(like: Tensor, sizes: tuple[int, ...]) -> Sequence[Tensor]:
    """1-D fp32 buffers that lie in one allocation, since each one costs the host time.

    They live as long as any of them: for what the kernels of one launch hand each other, never for results.
    """
    return torch.unsafe_split_with_sizes(like.new_empty(sum(sizes), dtype=torch.float32), sizes)

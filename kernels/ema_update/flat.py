"""Many tensors in one buffer, so that one launch updates them all.

Covers: laying tensors out in one buffer, and telling whether they still lie there.
Does not cover: the update.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from fastssl.kernels.checks import check_tensors

# Each tensor starts on a multiple of 64 elements: 128 bytes in half precision, so cuDNN's 16-byte demand and the
# kernel's vector loads hold for every one of them.
ALIGNMENT = 64


@torch.no_grad()
def flatten_(tensors: Sequence[Tensor]) -> Tensor:
    """Move the tensors into one new buffer, in place, and return that buffer.

    Each tensor keeps its identity, shape, strides and values; only its storage is new. Call it on the parameters of an
    averaged model and on those of its source, in the same order, after the models were moved to their device; keep both
    buffers, and give them to `ema_update_` as the only pair: one launch averages all parameters.

    What gives a tensor new memory afterwards (`.to(device)`, `copy.deepcopy`, `load_state_dict(assign=True)`) leaves
    the buffer behind without a word; `lies_in` says whether that has happened.

    Args:
        tensors: non-empty, of one dtype, on one device, each dense without overlaps (contiguous or channels-last).

    Returns:
        The buffer, 1-D and contiguous, of the tensors' dtype; between the tensors it is padded with zeros, which
        belong to no tensor.

    Raises:
        TypeError: what is given is not a list of tensors.
        ValueError: there are no tensors, or they differ in dtype or device, are not dense, or share memory.
    """
    if isinstance(tensors, Tensor):
        raise TypeError("tensors must be a list of tensors, got a tensor: put it in a list")
    if not tensors:
        raise ValueError("tensors must not be empty")
    first = tensors[0]
    for index, tensor in enumerate(tensors):
        check_tensors(**{f"tensors[{index}]": tensor})
        if tensor.dtype != first.dtype or tensor.device != first.device:
            raise ValueError(
                f"tensors[{index}] is {tensor.dtype} on {tensor.device}, "
                f"but tensors[0] is {first.dtype} on {first.device}"
            )
        if not is_dense(tensor):
            raise ValueError(f"tensors[{index}] has gaps (strides {list(tensor.stride())}): call .contiguous() first")
    _check_apart(tensors)
    starts, end = _places(tensors)
    buffer = first.new_zeros(end)
    for tensor, start in zip(tensors, starts, strict=True):
        home = buffer.as_strided(tensor.shape, tensor.stride(), start)
        home.copy_(tensor)
        tensor.data = home
    return buffer


def _check_apart(tensors: Sequence[Tensor]) -> None:
    """Raise ValueError where two tensors share memory: each would get a home of its own, and be tied no more."""
    ranges = sorted((t.data_ptr(), t.data_ptr() + t.nbytes, index) for index, t in enumerate(tensors) if t.numel())
    for (_, stop, one), (start, _, other) in pairwise(ranges):
        if start < stop:
            raise ValueError(
                f"tensors[{min(one, other)}] and tensors[{max(one, other)}] share memory: list one of them"
            )


def lies_in(buffer: Tensor, tensors: Sequence[Tensor]) -> bool:
    """Say whether the tensors lie in the buffer as `flatten_(tensors)` lays them out: all, in order, nothing else.

    Looks at addresses, not at values: a few microseconds per tensor on the host, no wait for the device.

    Args:
        buffer: any tensor, usually one that `flatten_` returned.
        tensors: any tensors, usually those that `flatten_` was given.

    Returns:
        True where they do; False where at least one was given new memory since, or the buffer is another one.
    """
    starts, end = _places(tensors)
    if buffer.dim() != 1 or not buffer.is_contiguous() or buffer.numel() != end:
        return False
    base, itemsize = buffer.data_ptr(), buffer.element_size()
    return all(
        tensor.dtype == buffer.dtype
        and tensor.device == buffer.device
        and tensor.data_ptr() == base + start * itemsize
        and is_dense(tensor)
        for tensor, start in zip(tensors, starts, strict=True)
        if tensor.numel()
    )


def _places(tensors: Sequence[Tensor]) -> tuple[list[int], int]:
    """The first element of each tensor in the buffer, and the buffer's length."""
    starts, end = [], 0
    for tensor in tensors:
        starts.append(end)
        end += -(-tensor.numel() // ALIGNMENT) * ALIGNMENT
    return starts, end


def is_dense(tensor: Tensor) -> bool:
    """True where the elements fill one stretch of memory, each exactly once, in any order of dimensions."""
    expected = 1
    for stride, size in sorted((s, n) for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1):
        if stride != expected:
            return False
        expected *= size
    return True

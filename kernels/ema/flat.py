"""Many tensors in one buffer, so that one launch updates them all.

Covers: laying tensors out in one buffer, and recognising two lists that lie in memory the same way.
Does not cover: the update.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Each tensor starts on a multiple of 64 elements: 128 bytes in half precision, so cuDNN's 16-byte demand and the
# kernel's vector loads hold for every one of them.
ALIGNMENT = 64


@torch.no_grad()
def flatten_(tensors: Sequence[Tensor]) -> Tensor:
    """Move the tensors into one new buffer, in place, and return that buffer.

    Each tensor keeps its identity, shape, strides and values; only its storage is new. Call it on the parameters of an
    averaged model and on those of its source, in the same order and before the optimiser is built: `ema_update_` then
    recognises the layout and updates all of them in one launch.

    Args:
        tensors: non-empty, one dtype, one device, each dense without overlaps (contiguous or channels-last).

    Raises:
        ValueError: tensors that differ in dtype or device, or that are not dense.
    """
    if not tensors:
        raise ValueError("tensors must not be empty")
    first = tensors[0]
    for index, tensor in enumerate(tensors):
        if tensor.dtype != first.dtype or tensor.device != first.device:
            raise ValueError(
                f"tensors[{index}] is {tensor.dtype} on {tensor.device}, "
                f"but tensors[0] is {first.dtype} on {first.device}"
            )
        if not is_dense(tensor):
            raise ValueError(f"tensors[{index}] has gaps (strides {list(tensor.stride())}): call .contiguous() first")
    starts, end = [], 0
    for tensor in tensors:
        starts.append(end)
        end += -(-tensor.numel() // ALIGNMENT) * ALIGNMENT
    buffer = first.new_zeros(end)
    for tensor, start in zip(tensors, starts, strict=True):
        home = buffer.as_strided(tensor.shape, tensor.stride(), start)
        home.copy_(tensor)
        tensor.data = home
    return buffer


def is_dense(tensor: Tensor) -> bool:
    """True where the elements fill one stretch of memory, each exactly once, in any order of dimensions."""
    expected = 1
    for stride, size in sorted((s, n) for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1):
        if stride != expected:
            return False
        expected *= size
    return True


def common_span(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> tuple[Tensor, Tensor] | None:
    """Two 1-D tensors that cover both lists, or None where the lists do not lie in memory the same way.

    The lists match where element i of a pair lies at one common offset from the beginning of its list. Gaps shorter
    than `ALIGNMENT` are the padding of `flatten_`, zero on both sides; longer ones may belong to somebody else.
    """
    if not targets:
        return None
    begin_target, begin_source = targets[0].storage_offset(), sources[0].storage_offset()
    storages = targets[0].untyped_storage().data_ptr(), sources[0].untyped_storage().data_ptr()
    end: int | torch.SymInt = 0
    for target, source in zip(targets, sources, strict=True):
        offset = target.storage_offset() - begin_target
        if (
            (target.dtype, source.dtype) != (targets[0].dtype, sources[0].dtype)
            or (target.untyped_storage().data_ptr(), source.untyped_storage().data_ptr()) != storages
            or source.storage_offset() - begin_source != offset
            or target.stride() != source.stride()
            or not 0 <= offset - end < ALIGNMENT
            or not is_dense(target)
        ):
            return None
        end = offset + target.numel()
    return (
        targets[0].detach().as_strided((end,), (1,), begin_target),
        sources[0].detach().as_strided((end,), (1,), begin_source),
    )

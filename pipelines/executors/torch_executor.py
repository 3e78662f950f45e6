"""The torch executor: a view's batched operations, in chunks that stay in the processor's cache.

Covers: CPU and CUDA, no dependency beyond torch. Does not cover: threads (the loader runs several), nor any operation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from fastssl.pipelines.executors.batch_memory import BatchMemory
from fastssl.pipelines.executors.executor import as_batch_tensor, storage_addresses
from fastssl.pipelines.executors.packing import to_device
from fastssl.pipelines.ops.transform import batch_dtype
from fastssl.pipelines.views.view import Parameters, View

# Output elements per chunk and image on a CPU, 2 MB in float32: below it the calls cost more than the cache saves
# (bench/pipelines/test_views.py).
CHUNK_ELEMENTS = 500_000
LARGEST_KEPT = (32 << 20) - (64 << 10)
"""Bytes: just below glibc's upper limit for blocks that it keeps when they are freed."""


class TorchExecutor:
    """Render a view with `View.render_torch`.

    Args:
        view: what is rendered.
        dtype: of the floating-point outputs.
        chunk_elements: output elements that are rendered together on a CPU.
    """

    parallel = True

    def __init__(self, view: View, dtype: torch.dtype, chunk_elements: int = CHUNK_ELEMENTS) -> None:
        self._view = view
        self._dtype = dtype
        self._chunk = max(1, chunk_elements // (view.size**2 * view.channels))
        self._memory = BatchMemory()
        _keep_freed_memory()

    def render(
        self, images: Tensor, parameters: Parameters, arrays: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """See `Executor.render`."""
        count = len(images)
        on_cpu = images.device.type == "cpu"
        chunk = self._chunk if on_cpu else count
        if arrays is None:
            (arrays,) = to_device(images.device, parameters)
        if count <= chunk:
            # A result that is a parameter would keep the buffer of all parameters alive as long as it is held.
            shared = set() if on_cpu else storage_addresses(arrays.values())
            return {
                name: as_batch_tensor(values, self._dtype, copy=not shared.isdisjoint(storage_addresses([values])))
                for name, values in self._render(images, arrays).items()
            }
        batch: dict[str, Tensor] = {}
        for low in range(0, count, chunk):
            part = slice(low, low + chunk)
            rendered = self._render(images[part], {name: values[part] for name, values in arrays.items()})
            for name, values in rendered.items():
                if name not in batch:
                    batch[name] = self._allocate(count, values)
                batch[name][part].copy_(values.to(batch[name].dtype))
        return batch

    def _render(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with batch_dtype(self._dtype):
            return self._view.finish(self._view.render_torch(images, parameters), parameters)

    def _allocate(self, count: int, like: Tensor) -> Tensor:
        """On the CPU, for `count` rows of what `like` holds; images channels-last."""
        dtype = self._dtype if like.is_floating_point() else like.dtype
        stored = like.permute(0, 2, 3, 1) if like.ndim == 4 else like
        shape = (count, *stored.shape[1:])
        large = math.prod(shape) * dtype.itemsize > LARGEST_KEPT
        batch = self._memory.empty(shape, dtype) if large else torch.empty(shape, dtype=dtype)
        return batch.permute(0, 3, 1, 2) if like.ndim == 4 else batch


def _keep_freed_memory() -> None:
    """Have the C library keep what a chunk frees for the next one.

    glibc raises its thresholds for returning memory to the system to the size of the largest block that was mapped and
    freed, up to 32 MiB; unless that has happened, every temporary is paged in anew: 286 page faults per 224 px image
    instead of 15, and 1.2 to 1.4 times the processor time (a virtual machine of 2 cores). Mapping a block and freeing
    it untouched costs nothing.
    """
    torch.empty(LARGEST_KEPT, dtype=torch.uint8)

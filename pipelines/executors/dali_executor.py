"""The DALI executor: a view as one DALI graph, on CPU or GPU. Importing this file imports DALI.

Covers: building the pipeline from a view, feeding it images and parameters, handing its outputs to torch uncopied.
Does not cover: prefetching (the loader's thread runs batches ahead), nor any operation (`ops/dali_ops.py`).

The graph draws no random number and keeps nothing from one batch to the next, so that it can be fed any batch at any
time. DALI's dynamic executor stays on: without it outputs taken by DLPack are overwritten by later batches.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch
from nvidia.dali import Pipeline, fn
from nvidia.dali.types import DALIDataType
from torch import Tensor

from fastssl.pipelines.executors.executor import as_batch_tensor, storage_addresses
from fastssl.pipelines.executors.packing import to_device
from fastssl.pipelines.ops.dali_ops import DaliOps
from fastssl.pipelines.ops.torch_ops import levels
from fastssl.pipelines.ops.transform import batch_dtype
from fastssl.pipelines.views.view import Parameters, View


class DaliExecutor:
    """Render a view with `View.render_dali`.

    Args:
        view: what is rendered.
        device: where images lie and batches go.
        dtype: of the floating-point outputs.
        batch: the largest batch.
    """

    parallel = False

    def __init__(self, view: View, device: torch.device, dtype: torch.dtype, batch: int) -> None:
        self._view = view
        self._device = device
        self._dtype = dtype
        self._batch = batch
        self._pipeline: Pipeline | None = None
        self._outputs: tuple[str, ...] = ()

    def render(
        self, images: Tensor, parameters: Parameters, arrays: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """See `Executor.render`."""
        deep = images.dtype != torch.uint8
        if deep:
            images = levels(images)
        if self._pipeline is None:
            self._pipeline = self._build(deep, parameters)
        try:
            rendered = self._run(self._pipeline, images, parameters)
        except Exception:
            self._pipeline = None  # after an error inside it a DALI pipeline is of no further use
            raise
        if arrays is None:
            (arrays,) = to_device(self._device, parameters)
        return self._finish(rendered, arrays)

    def _build(self, deep: bool, parameters: Parameters) -> Pipeline:
        on_gpu = self._device.type == "cuda"
        pipeline = Pipeline(
            batch_size=self._batch,
            num_threads=min(4, os.cpu_count() or 1) if on_gpu else os.cpu_count() or 1,
            device_id=(self._device.index or 0) if on_gpu else None,
            prefetch_queue_depth=1,  # the loader prefetches
        )
        with pipeline:
            images = fn.external_source(
                name="images",
                device="gpu" if on_gpu else "cpu",
                dtype=DALIDataType.FLOAT if deep else DALIDataType.UINT8,
                ndim=3,
                layout="HWC",
                no_copy=True,
            )
            sources = {
                name: fn.external_source(name=name, dtype=DALIDataType.FLOAT, ndim=values.ndim - 1)
                for name, values in self._view.dali_parameters(parameters).items()
            }
            rendered = self._view.render_dali(DaliOps(deep), images, sources)
            pipeline.set_outputs(*rendered.values())
        pipeline.build()
        self._outputs = tuple(rendered)
        return pipeline

    def _run(self, pipeline: Pipeline, images: Tensor, parameters: Parameters) -> dict[str, Tensor]:
        stream = torch.cuda.current_stream(self._device) if self._device.type == "cuda" else None
        pixels = images if self._device.type == "cuda" else images.numpy()  # a torch tensor on the CPU is refused
        pipeline.feed_input("images", pixels, cuda_stream=stream)
        for name, values in self._view.dali_parameters(parameters).items():
            pipeline.feed_input(name, values)
        rendered = {}
        for name, result in zip(self._outputs, pipeline.run(stream), strict=True):
            tensor = torch.from_dlpack(result.as_tensor())
            rendered[name] = tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor  # HWC is NCHW channels-last
        return rendered

    def _finish(self, rendered: dict[str, Tensor], arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with batch_dtype(self._dtype):
            finished = self._view.finish(rendered, arrays)
        # On a GPU a copy of what lies in DALI's memory, whose readers' streams torch's allocator must know, and of what
        # lies among the parameters, all of which it would keep alive.
        shared = storage_addresses([*rendered.values(), *arrays.values()]) if self._device.type == "cuda" else set()
        return {
            name: as_batch_tensor(values, self._dtype, copy=not shared.isdisjoint(storage_addresses([values])))
            for name, values in finished.items()
        }

"""Where the images of a loader lie, and how a batch of them is fetched.

Covers: arrays in host memory (or memory-mapped), streamed; images that are read a window at a time; and whole data sets
resident on the GPU where they fit. Does not cover: reading files (the caller brings the images), nor rendering.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.streamed import BLOCK_BYTES, Images
from fastssl.pipelines.window_store import WindowStore

RESIDENT_SHARE = 0.5
"""Largest share of the GPU's free memory that a resident data set may take; the rest is the model's."""


class Stretch(NamedTuple):
    """Consecutive positions of an epoch: from `start` up to `stop`."""

    epoch: int
    start: int
    stop: int


class ImageStore:
    """Keep images where batches of them are fetched fast: on the GPU if they fit, else where they are.

    Args:
        images: `[N, H, W, C]`, uint8 or uint16.
        device: where batches are wanted.
        windows: reads the images where they are not on the GPU; None: they are an array, or few enough to become one.
    """

    def __init__(self, images: Images, device: torch.device, windows: WindowStore | None = None) -> None:
        self._device, self._dtype = device, images.dtype
        self._on_gpu: Tensor | None = None
        self._windows = windows
        if device.type == "cuda" and images.nbytes <= RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
            self._on_gpu = _on_gpu(images, device)
        elif windows is None:
            self._in_memory = images if isinstance(images, np.ndarray) else images.read(0, len(images))

    @property
    def resident(self) -> bool:
        """Whether the images were copied to the GPU once, instead of being streamed batch by batch."""
        return self._on_gpu is not None

    def fetch(self, stretch: Stretch, indices: np.ndarray, on_device: Tensor) -> Tensor:
        """Images of the samples at some positions, `[B, H, W, C]`, on the device.

        Args:
            stretch: the positions.
            indices: the samples there, int64 `[B]`.
            on_device: the same, on the device.
        """
        if self._on_gpu is not None:
            batch = self._on_gpu.index_select(0, on_device)
            return batch.view(torch.uint16) if self._dtype == np.uint16 else batch
        if self._windows is not None:
            batch = torch.from_numpy(self._windows.fetch(*stretch))
        else:
            batch = torch.from_numpy(np.take(self._in_memory, indices, axis=0))
        return batch if self._device.type == "cpu" else batch.pin_memory().to(self._device, non_blocking=True)

    def close(self) -> None:
        """Stop reading ahead."""
        if self._windows is not None:
            self._windows.close()


def _on_gpu(images: Images, device: torch.device) -> Tensor:
    """All images as one tensor; CUDA gathers int16 but not uint16, so that these have the same bits under that name."""
    if isinstance(images, np.ndarray):
        same_bits = images.view(np.int16) if images.dtype == np.uint16 else images
        return torch.from_numpy(np.ascontiguousarray(same_bits)).to(device)
    dtype = torch.int16 if images.dtype == np.uint16 else torch.uint8
    resident = torch.empty(images.shape, dtype=dtype, device=device)
    rows = max(1, 16 * BLOCK_BYTES * len(images) // images.nbytes)
    for start in range(0, len(images), rows):
        read = images.read(start, min(start + rows, len(images)))
        resident[start : start + len(read)] = torch.from_numpy(read.view(np.int16) if dtype == torch.int16 else read)
    return resident

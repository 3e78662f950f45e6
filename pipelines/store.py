"""Where the images of a loader lie, and how a batch of them is fetched.

Covers: arrays in host memory (or memory-mapped), streamed; and whole data sets resident on the GPU where they fit.
Does not cover: reading files (the caller brings an array), nor rendering.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

RESIDENT_SHARE = 0.5
"""Largest share of the GPU's free memory that a resident data set may take; the rest is the model's."""


class ImageStore:
    """Keep images where batches of them are fetched fast: on the GPU if they fit, else where they are.

    Args:
        images: `[N, H, W, C]`, uint8 or uint16.
        device: where batches are wanted.
    """

    def __init__(self, images: np.ndarray, device: torch.device) -> None:
        self._device = device
        self._images = images
        self._on_gpu: Tensor | None = None
        if device.type == "cuda" and images.nbytes <= RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
            # CUDA gathers int16 but not uint16: the same bits under another name.
            same_bits = images.view(np.int16) if images.dtype == np.uint16 else images
            self._on_gpu = torch.from_numpy(np.ascontiguousarray(same_bits)).to(device)

    @property
    def resident(self) -> bool:
        """Whether the images were copied to the GPU once, instead of being streamed batch by batch."""
        return self._on_gpu is not None

    def fetch(self, indices: np.ndarray, on_device: Tensor) -> Tensor:
        """Images of the given samples, `[B, H, W, C]`, on the device. on_device: the indices once more, there."""
        if self._on_gpu is None:
            batch = torch.from_numpy(np.take(self._images, indices, axis=0))
            return batch if self._device.type == "cpu" else batch.pin_memory().to(self._device, non_blocking=True)
        batch = self._on_gpu.index_select(0, on_device)
        return batch.view(torch.uint16) if self._images.dtype == np.uint16 else batch

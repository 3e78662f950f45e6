"""MoCo's two crops of grey images as a user of torchvision v2 writes them: a transform a sample, in a DataLoader.

Covers: crop, flip, jitter of brightness and contrast, blur, normalisation; two workers that persist. Does not cover:
colour (`bench/pipelines/test_two_crops.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

WORKERS = 2
SIGMA, WINDOW = (0.1, 2.0), 13


def augmentation(size: int) -> Callable[[Tensor], Tensor]:
    """One view `[1, S, S]` of an image, a uint8 tensor `[1, H, W]`."""
    from torchvision.transforms import v2

    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.2, 1.0), antialias=True),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4)], p=0.8),
            v2.RandomApply([v2.GaussianBlur(WINDOW, SIGMA)], p=0.5),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5], [0.5]),
        ]
    )


class TwoViews(Dataset):
    """Two views `[1, S, S]` of each image of `[N, S, S, 1]`, uint8."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        self.augment = augmentation(images.shape[1])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.augment(self.images[index]), self.augment(self.images[index])


def loader_of(data: Dataset, batch_size: int) -> DataLoader:
    """Epochs of shuffled batches."""
    return DataLoader(
        data,
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=True,
        multiprocessing_context="forkserver",  # a worker forked from a process with OpenMP threads may crash
    )

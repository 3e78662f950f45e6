"""Batches of random patches to train on.

Covers: where patches are cut, flips and right-angled rotations of image and mask alike, whole images as patches of
their own size. Does not cover: intensity changes, prediction (`windows.py`).

All randomness is a function of (seed, epoch, patch), as in `fastssl.pipelines`, so a batch depends on its place alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.random import permutation, uniform

from .files import Sample

MULTIPLE = 32
"""Whole images are padded to this: the coarsest map of most encoders has one value for 32 pixels."""

_PLACE = 0
"""The stream of random numbers that patches are placed and turned by."""


class PatchLoader:
    """Yields {"image": `[B, C, P, Q]` normalised, "mask", "inside": `[B, 1, P, Q]` zeros and ones}, epoch by epoch.

    An epoch has as many patches as would tile every image once, in a new order, less what fills no batch. Pixels
    outside the field of view, or beyond the image, are not "inside".

    samples: to train on. patch: (height, width) in pixels; smaller images are padded by repeating their border.
    batch_size: patches a batch, or all of an epoch where they are fewer. mean, std: of each channel of images in
    [0, 1]. dtype: of the images. augment: turn and flip (right angles where patches are square).
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        patch: tuple[int, int],
        *,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        seed: int = 0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        augment: bool = True,
    ) -> None:
        self._patch, self._mean, self._std = patch, mean, std
        self._seed, self._device, self._dtype, self._augment = seed, torch.device(device), dtype, augment
        self._images = [_padded(sample, patch) for sample in samples]
        tiles = [max(1, round(sample.mask.size / (patch[0] * patch[1]))) for sample in samples]
        self._owner = np.repeat(np.arange(len(samples)), tiles)
        self.batch_size = min(batch_size, len(self._owner))
        self._epoch = self._iteration = 0

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self._owner) // self.batch_size

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        if self._iteration == len(self):
            self._epoch, self._iteration = self._epoch + 1, 0
        order = permutation(self._seed, self._epoch, len(self._owner))
        while self._iteration < len(self):
            begin = self._iteration * self.batch_size
            self._iteration += 1
            yield self._batch(order[begin : begin + self.batch_size])

    def state_dict(self) -> dict[str, Any]:
        """The position after the last batch that was handed out."""
        return {"epoch": self._epoch, "iteration": self._iteration}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved position."""
        self._epoch, self._iteration = int(state["epoch"]), int(state["iteration"])

    def _batch(self, indices: np.ndarray) -> dict[str, Tensor]:
        numbers = uniform(self._seed, self._epoch, indices, _PLACE, 3)
        patches = [self._cut(*drawn) for drawn in zip(self._owner[indices], numbers, strict=True)]
        stacked = torch.from_numpy(np.stack(patches)).to(self._device, non_blocking=True).permute(0, 3, 1, 2)
        levels, mask, inside = stacked[:, :-2], stacked[:, -2:-1], stacked[:, -1:]
        return {
            "image": normalised(levels, self._images[0].dtype, self._mean, self._std).to(self._dtype),
            "mask": mask.float().contiguous(),
            "inside": inside.float().contiguous(),
        }

    def _cut(self, owner: int, numbers: np.ndarray) -> np.ndarray:
        """One patch `[P, Q, C + 2]`: the image, its mask, what is inside."""
        image, (height, width) = self._images[owner], self._patch
        top = int(numbers[0] * (image.shape[0] - height + 1))
        left = int(numbers[1] * (image.shape[1] - width + 1))
        patch = image[top : top + height, left : left + width]
        if not self._augment:
            return patch
        turns = 4 if height == width else 2
        flip, turn = divmod(int(numbers[2] * 2 * turns), turns)
        patch = np.rot90(patch, turn * (4 // turns))
        return patch[:, ::-1] if flip else patch


def normalised(levels: Tensor, dtype: np.dtype, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(x / white - mean) / std of pixels `[..., C, H, W]` that were `dtype` (uint8 or uint16); float32."""
    shift, scale = (torch.tensor(values, device=levels.device)[:, None, None] for values in (mean, std))
    return (levels.float() / float(np.iinfo(dtype).max) - shift) / scale


def covering_patch(samples: Sequence[Sample]) -> tuple[int, int]:
    """The (height, width) that holds every image whole, in multiples of 32."""
    return tuple(-(-max(sample.mask.shape[axis] for sample in samples) // MULTIPLE) * MULTIPLE for axis in (0, 1))


def _padded(sample: Sample, patch: tuple[int, int]) -> np.ndarray:
    """Image, mask and what is inside, `[H, W, C + 2]` of the image's dtype, at least as large as a patch."""
    inside = np.ones_like(sample.mask) if sample.inside is None else sample.inside
    missing = [(0, max(0, side - own)) for side, own in zip(patch, sample.mask.shape, strict=True)]
    image = np.pad(sample.image, [*missing, (0, 0)], mode="edge")
    flags = np.pad(np.stack([sample.mask, inside], axis=-1), [*missing, (0, 0)])
    return np.concatenate([image, flags.astype(image.dtype)], axis=-1)

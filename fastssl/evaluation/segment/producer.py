"""One batch of patches from its position.

Covers: the order of an epoch, drawing, reading, colours, noise, normalisation, moving what is drawn to the device in
one go. Does not cover: when batches are made (`prefetch.py`). Holds no reference to a loader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.placement import APPLE, for_apple
from fastssl.pipelines.random import permutation

from .augmentation import Augmentation, draw
from .data import Sample
from .recolour import WHITE, recoloured
from .table import CutPatches, PixelTable


@dataclass(frozen=True, kw_only=True)
class PatchPosition:
    """Which batch: number `iteration` of an epoch, both counted from 0."""

    epoch: int
    iteration: int

    def following(self, length: int) -> PatchPosition:
        """Return the position after this one.

        Args:
            length: batches per epoch.
        """
        last = self.iteration + 1 == length
        return self.of_next_epoch() if last else PatchPosition(epoch=self.epoch, iteration=self.iteration + 1)

    def of_next_epoch(self) -> PatchPosition:
        """Return the first position of the next epoch."""
        return PatchPosition(epoch=self.epoch + 1, iteration=0)


class PatchProducer:
    """Makes batches by position; see `PatchLoader` for what they hold and for the arguments."""

    def __init__(
        self,
        samples: Sequence[Sample],
        patch: tuple[int, int],
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
        augmentation: Augmentation,
        white: float,
    ) -> None:
        self._table = PixelTable(samples, patch, device)
        self._owners = patch_owners(samples, patch)
        self.patches = len(self._owners)
        self.batch_size = min(batch_size, self.patches)
        self._patch, self._seed, self._device, self._dtype = patch, seed, device, dtype
        self._augmentation = augmentation
        # A tensor on the device: a GPU divides by a Python number through its reciprocal, which rounds differently.
        self._white = torch.full((1, 1, 1, 1), white, device=self._table.device)
        self._mean, self._std = (by_channel(values, self._table.device) for values in (mean, std))
        self._order = (-1, np.empty(0, np.int64))

    def make(self, position: PatchPosition) -> dict[str, Tensor]:
        """Return the batch at `position`, on the device; on a GPU this waits for nothing there."""
        if self._order[0] != position.epoch:
            self._order = (position.epoch, permutation(self._seed, position.epoch, self.patches))
        begin = position.iteration * self.batch_size
        indices = self._order[1][begin : begin + self.batch_size]
        owners, table = self._owners[indices], self._table
        drawn = draw(
            self._augmentation,
            self._seed,
            position.epoch,
            indices,
            table.extents[owners],
            self._patch,
            table.channels,
        )
        here = {name: to_device(values, table.device) for name, values in {**drawn, "owners": owners}.items()}
        cut = table.cut(here["owners"], here["matrix"], self._patch, exact=self._augmentation.exact)
        batch = {
            "image": self._image(cut, here),
            "mask": cut.mask.float()[:, None],
            "inside": cut.inside.float()[:, None],
        }
        return {name: to_device(values, self._device) for name, values in batch.items()}

    def _image(self, cut: CutPatches, drawn: Mapping[str, Tensor]) -> Tensor:
        """Normalised, `[B, C, P, Q]`, channels-last."""
        levels, white = cut.levels.permute(0, 3, 1, 2), self._white
        if self._augmentation.recolours:
            levels = recoloured(levels * (WHITE / white), drawn)
            white = torch.full_like(white, WHITE)
        image = normalised(levels, white, self._mean, self._std).to(self._dtype)
        return image.contiguous(memory_format=torch.channels_last)


def patch_owners(samples: Sequence[Sample], patch: tuple[int, int]) -> np.ndarray:
    """Return which sample each patch of an epoch is cut from: int64 `[N]`, as many as would tile every image once.

    Args:
        samples: the images.
        patch: (height, width) in pixels.
    """
    tiles = [max(1, round(sample.mask.size / (patch[0] * patch[1]))) for sample in samples]
    return np.repeat(np.arange(len(samples)), tiles)


def normalised(levels: Tensor, white: float | Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return (levels / white - mean) / std, float32.

    Args:
        levels: pixels `[..., C, H, W]`.
        white: the level that is 1 in the encoder's scale: one number, or a tensor that broadcasts.
        mean: float32 `[C, 1, 1]`, of images in [0, 1].
        std: likewise.
    """
    return (levels.float() / white - mean) / std


def by_channel(values: Sequence[float], device: torch.device) -> Tensor:
    """Return a number for each channel as float32 `[C, 1, 1]` on `device`."""
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]


def to_device(values: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """Return `values` on `device`; to a CUDA GPU they go through pinned memory, and nobody waits for the copy."""
    tensor = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    if device.type == "cpu" or tensor.is_cuda:
        return tensor
    if device.type == APPLE:
        return for_apple(tensor).to(device)
    return tensor.pin_memory().to(device, non_blocking=True)

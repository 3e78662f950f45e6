"""One batch of patches from its position.

Covers: the order of an epoch, drawing, reading, colours, noise, normalisation, moving what is drawn to the device in
one go. Does not cover: when batches are made (`ahead.py`). Holds no reference to a loader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.random import permutation

from .augmentation import WHITE, Augmentation, draw, recoloured
from .files import Sample
from .table import Cut, PixelTable


class Position(NamedTuple):
    """Which batch: the iteration-th of an epoch."""

    epoch: int
    iteration: int

    def following(self, length: int) -> Position:
        """The one after it, in epochs of `length` batches."""
        last = self.iteration + 1 == length
        return Position(self.epoch + 1, 0) if last else self._replace(iteration=self.iteration + 1)


class PatchProducer:
    """Batches by position; see `PatchLoader` for what they hold and for the arguments."""

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
    ) -> None:
        self._table = PixelTable(samples, patch, device)
        tiles = [max(1, round(sample.mask.size / (patch[0] * patch[1]))) for sample in samples]
        self._owners = np.repeat(np.arange(len(samples)), tiles)
        self.patches = len(self._owners)
        self.batch_size = min(batch_size, self.patches)
        self._patch, self._seed, self._device, self._dtype = patch, seed, device, dtype
        self._augmentation = augmentation
        self._mean, self._std = (by_channel(values, self._table.device) for values in (mean, std))
        self._order = (-1, np.empty(0, np.int64))

    def make(self, position: Position) -> dict[str, Tensor]:
        """The batch, on the device; on a GPU this waits for nothing there."""
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

    def _image(self, cut: Cut, drawn: Mapping[str, Tensor]) -> Tensor:
        """Normalised, `[B, C, P, Q]`, channels-last."""
        levels, white = cut.levels.permute(0, 3, 1, 2), cut.white[:, None, None, None]
        if self._augmentation.recolours:
            levels = recoloured(levels * (WHITE / white), drawn)
            white = torch.full_like(white, WHITE)
        image = normalised(levels, white, self._mean, self._std).to(self._dtype)
        return image.contiguous(memory_format=torch.channels_last)


def normalised(levels: Tensor, white: float | Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(x / white - mean) / std of pixels `[..., C, H, W]`, by `mean` and `std` `[C, 1, 1]`; float32."""
    return (levels.float() / white - mean) / std


def by_channel(values: Sequence[float], device: torch.device) -> Tensor:
    """A number for each channel, `[C, 1, 1]`, on the device."""
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]


def to_device(values: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """On the device; to a GPU through pinned memory, without waiting for the copy."""
    tensor = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    if device.type == "cpu" or tensor.is_cuda:
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)

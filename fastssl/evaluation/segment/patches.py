"""Batches of random patches to train on.

Covers: epochs, their length, going on from a saved place, whole images as patches of their own size. Does not cover:
what a batch holds and how it is made (`producer.py`), making batches ahead (`prefetch.py`), prediction (`windows.py`).

All randomness is a function of (seed, epoch, patch), as in `fastssl.pipelines`, so a batch depends on its place alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from .augmentation import AUGMENTATIONS, Augmentation
from .data import Sample
from .prefetch import BatchPrefetcher
from .producer import PatchPosition, PatchProducer, patch_owners

MULTIPLE = 32
"""Whole images are padded to this: the coarsest map of most encoders has one value for 32 pixels."""


class PatchLoader:
    """Yields {"image": `[B, C, P, Q]` normalised, "mask", "inside": `[B, 1, P, Q]` zeros and ones}, epoch by epoch.

    An epoch has as many patches as would tile every image once, in a new order, less what fills no batch. Pixels
    outside the field of view, or beyond the image, are not "inside". Masks are float32.

    Args:
        samples: to train on.
        patch: (height, width) in pixels; smaller images are padded by repeating their border.
        white: the level that is 1 in the encoder's scale: 255 for uint8, 65535 for uint16.
        batch_size: patches per batch, or all of an epoch where they are fewer.
        mean: of each channel of images in [0, 1].
        std: likewise.
        seed: of all randomness.
        device: where batches go.
        dtype: of the images.
        augmentation: what is done to patches.
        prefetch: batches made ahead by a thread; 0: each is made when it is asked for.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        patch: tuple[int, int],
        *,
        white: float,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        seed: int = 0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        augmentation: Augmentation = AUGMENTATIONS["flips"],
        prefetch: int = 0,
    ) -> None:
        device = torch.device(device)
        producer = PatchProducer(samples, patch, batch_size, mean, std, seed, device, dtype, augmentation, white)
        self.batch_size, self._length = producer.batch_size, producer.patches // producer.batch_size
        self._batches = BatchPrefetcher(producer.make, self._length, prefetch, device)
        self._position = PatchPosition(epoch=0, iteration=0)

    def __len__(self) -> int:
        """Return the batches per epoch."""
        return self._length

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield the rest of the epoch, or, after its end, the next epoch."""
        if self._position.iteration == self._length:
            self._position = self._position.of_next_epoch()
        while self._position.iteration < self._length:
            position = self._position
            self._position = PatchPosition(epoch=position.epoch, iteration=position.iteration + 1)
            yield self._batches.take(position)

    def state_dict(self) -> dict[str, Any]:
        """Return the position after the last batch that was handed out."""
        return asdict(self._position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved position."""
        self._position = PatchPosition(epoch=int(state["epoch"]), iteration=int(state["iteration"]))


def steps_per_epoch(samples: Sequence[Sample], patch: tuple[int, int], batch_size: int) -> int:
    """Return how many batches a `PatchLoader` of these arguments has per epoch.

    Args:
        samples: to train on.
        patch: (height, width) in pixels.
        batch_size: patches per batch.
    """
    patches = len(patch_owners(samples, patch))
    return patches // min(batch_size, patches)


def covering_patch(samples: Sequence[Sample]) -> tuple[int, int]:
    """Return the (height, width) in pixels that holds every image whole, in multiples of 32.

    Args:
        samples: the images.
    """
    height, width = (-(-max(sample.mask.shape[axis] for sample in samples) // MULTIPLE) * MULTIPLE for axis in (0, 1))
    return height, width

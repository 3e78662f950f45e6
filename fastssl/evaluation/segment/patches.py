"""Batches of random patches to train on.

Covers: epochs, their length, prefetching, going on from a saved place, whole images as patches of their own size.
Does not cover: what a batch holds and how it is made (`producer.py`), prediction (`windows.py`).

All randomness is a function of (seed, epoch, patch), as in `fastssl.pipelines`, so a batch depends on its place alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .ahead import Ahead
from .augmentation import AUGMENTATIONS, Augmentation
from .files import Sample
from .producer import PatchProducer, Position

MULTIPLE = 32
"""Whole images are padded to this: the coarsest map of most encoders has one value for 32 pixels."""


class PatchLoader:
    """Yields {"image": `[B, C, P, Q]` normalised, "mask", "inside": `[B, 1, P, Q]` zeros and ones}, epoch by epoch.

    An epoch has as many patches as would tile every image once, in a new order, less what fills no batch. Pixels
    outside the field of view, or beyond the image, are not "inside".

    samples: to train on. patch: (height, width) in pixels; smaller images are padded by repeating their border.
    batch_size: patches a batch, or all of an epoch where they are fewer. mean, std: of each channel of images in
    [0, 1]. dtype: of the images. augmentation: what is done to them. prefetch: batches made ahead, by a thread; 0: each
    is made when asked for.
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
        augmentation: Augmentation = AUGMENTATIONS["flips"],
        prefetch: int = 0,
    ) -> None:
        device = torch.device(device)
        producer = PatchProducer(samples, patch, batch_size, mean, std, seed, device, dtype, augmentation)
        self.batch_size, self._length = producer.batch_size, producer.patches // producer.batch_size
        self._ahead = Ahead(producer.make, self._length, prefetch, device)
        self._position = Position(0, 0)

    def __len__(self) -> int:
        """Batches an epoch."""
        return self._length

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        if self._position.iteration == self._length:
            self._position = Position(self._position.epoch + 1, 0)
        while self._position.iteration < self._length:
            position = self._position
            self._position = position._replace(iteration=position.iteration + 1)
            yield self._ahead.take(position)

    def state_dict(self) -> dict[str, Any]:
        """The position after the last batch that was handed out."""
        return self._position._asdict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved position."""
        self._position = Position(int(state["epoch"]), int(state["iteration"]))


def covering_patch(samples: Sequence[Sample]) -> tuple[int, int]:
    """The (height, width) that holds every image whole, in multiples of 32."""
    height, width = (-(-max(sample.mask.shape[axis] for sample in samples) // MULTIPLE) * MULTIPLE for axis in (0, 1))
    return height, width

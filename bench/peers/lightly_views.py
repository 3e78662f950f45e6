"""Two views of every image by one of lightly's transforms, on one PIL image at a time.

Covers: what lightly's MoCo and SimCLR share. Does not cover: fastssl, which nothing here imports.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from shared_recipe import channels_of, without_grey_axis
from torch import Tensor
from torch.utils.data import Dataset


class LightlyViews(Dataset):
    """Two views `[C, S, S]` of each image of `[N, H, W]` or `[N, H, W, C]`, uint8.

    Args:
        images: of one or three channels.
        transform: lightly's class.
        strength: what it is given, beside the size and a normalisation to [-1, 1].
    """

    def __init__(self, images: np.ndarray, transform: Callable[..., Any], strength: dict[str, Any]) -> None:
        channels = channels_of(images)
        centred = {"mean": [0.5] * channels, "std": [0.5] * channels}
        self.images = without_grey_axis(images)
        self.transform = transform(input_size=images.shape[1], normalize=centred, **strength)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> list[Tensor]:
        views: list[Tensor] = self.transform(Image.fromarray(self.images[index]))
        return views

"""MONAI's nearest to our corrupted views, one image at a time, as its transforms work.

Covers: an intensity curve (`RandHistogramShift`, for our `Bezier`), masked blocks (`RandCoarseDropout`, for our
`BlockMask`), shuffled patches (`RandCoarseShuffle`, for the local shuffling in our `ModelsGenesis`), each after the
cheapest way that MONAI has from bytes to levels about 0, without its meta data, by a `Compose` a view. Does not cover:
crops, flips, data loaders and their workers, MONAI's GPU transforms, jigsaws, which MONAI has not.

A call takes uint8 `[N, H, W, C]` and returns float32 `[N, C, H, W]` in [-1, 1], one view of each image. What it does
not do and ours does, in its favour: a "target" and a "mask" beside the image, views that are the same for the same
seed, epoch and index, curves that fall. What it does otherwise: a curve is straight between four points and spans the
image's levels, not all levels; blocks lie anywhere and may overlap, so that it takes more of them and their share is
right on average alone; every channel of a patch is shuffled by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from monai.data import get_track_meta, set_track_meta
from monai.transforms import (
    Compose,
    EnsureChannelFirst,
    RandCoarseDropout,
    RandCoarseShuffle,
    RandHistogramShift,
    ScaleIntensityRange,
    Transform,
)
from torch import Tensor

Views = Callable[[np.ndarray], Tensor]

SEED = 0
CURVE_POINTS = 4
"""Two ends and two inner points, as a cubic Bezier curve has."""
CURVE_PROBABILITY = 0.9
SHUFFLED_PATCHES, PATCHES_ALONG_A_SIDE = 10, 12
"""MONAI's own for self-supervision: 10 patches of 8 pixels in images of 96."""


def histogram_shift() -> Views:
    """A random intensity curve, as probable as ours."""
    return _each(RandHistogramShift(num_control_points=CURVE_POINTS, prob=CURVE_PROBABILITY))


def coarse_dropout(size: int, *, mask_ratio: float = 0.75, grid: int = 4) -> Views:
    """Square blocks at 0 (the mean), of the side that `BlockMask(mask_ratio, grid)` has.

    So many that on average they cover `mask_ratio` of what is away from the border; where fewer blocks are kept than
    masked, those that are kept are drawn, which is faster. MONAI draws block after block, so a coarse grid is in its
    favour; give ours the same.
    """
    side = max(1, size // grid)
    masked = mask_ratio <= 0.5
    drawn_ratio = mask_ratio if masked else 1 - mask_ratio
    holes = max(1, round(math.log(1 - drawn_ratio) / math.log(1 - side**2 / size**2)))
    return _each(RandCoarseDropout(holes=holes, spatial_size=side, dropout_holes=masked, fill_value=0.0, prob=1.0))


def coarse_shuffle(size: int) -> Views:
    """Patches whose pixels are shuffled."""
    side = max(2, size // PATCHES_ALONG_A_SIDE)
    return _each(RandCoarseShuffle(holes=SHUFFLED_PATCHES, spatial_size=side, prob=1.0))


def _each(corrupt: Transform) -> Views:
    steps = Compose(
        [EnsureChannelFirst(channel_dim=-1), ScaleIntensityRange(0.0, 255.0, -1.0, 1.0), corrupt]
    ).set_random_state(seed=SEED)

    def views(images: np.ndarray) -> Tensor:
        tracked = get_track_meta()
        set_track_meta(False)  # it costs time, and nobody asks for it
        try:
            return torch.stack([steps(image) for image in images])
        finally:
            set_track_meta(tracked)

    return views

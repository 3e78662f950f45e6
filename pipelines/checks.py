"""Refuse what cannot be loaded, before any thread or pipeline exists.

Covers: images, labels and the loader's numbers; one clear line each. Does not cover: a view's own settings.
"""

from __future__ import annotations

import numpy as np

from fastssl.pipelines.streamed import Images, StreamedImages
from fastssl.pipelines.views.view import View


def check_images(images: Images, view: View) -> None:
    """Raise TypeError or ValueError unless images are `[N, H, W, C]` uint8 or uint16 with the view's channels."""
    if not isinstance(images, (np.ndarray, StreamedImages)):
        raise TypeError(f"images must be a NumPy array, got {type(images).__name__}")
    if images.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"images must be uint8 or uint16, got {images.dtype}: scale them to whole grey levels first")
    if len(images.shape) != 4:
        raise ValueError(f"images must have 4 axes [N, H, W, C], got shape {images.shape}")
    if 0 in images.shape:
        raise ValueError(f"images must not be empty, got shape {images.shape}")
    channels = images.shape[3]
    if channels not in (1, 3, 4):
        raise ValueError(f"images must have 1, 3 or 4 channels in the last axis, got shape {images.shape}")
    if channels != view.channels:
        raise ValueError(f"the view expects {view.channels} channels, the images have {channels}")


def check_labels(labels: np.ndarray, count: int) -> None:
    """Raise ValueError unless there is one label (or row of labels) per image."""
    if len(labels) != count:
        raise ValueError(f"labels must have one row per image: {count} images, {len(labels)} labels")


def check_numbers(
    count: int,
    batch_size: int,
    seed: int,
    rank: int,
    world_size: int,
    prefetch: int,
    drop_last: bool,
    shuffle_window: int | None,
) -> None:
    """Raise ValueError for the first of the loader's numbers that cannot be used."""
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    if prefetch < 0:
        raise ValueError(f"prefetch must not be negative, got {prefetch}")
    if shuffle_window is not None and shuffle_window < 1:
        raise ValueError(f"shuffle_window must be at least 1 image, got {shuffle_window}")
    if world_size < 1 or not 0 <= rank < world_size:
        raise ValueError(f"rank must lie in [0, world_size), got rank={rank} and world_size={world_size}")
    if drop_last and batch_size * world_size > count:
        ranks = f" on each of {world_size} ranks" if world_size > 1 else ""
        raise ValueError(
            f"batch_size {batch_size}{ranks} exceeds the {count} images: no full batch; lower it or set drop_last=False"
        )

"""Predicting an image of any size: by overlapping windows, or whole.

Covers: where windows lie, their weighted mean, padding. Does not cover: training patches (`patches.py`), resizing back
to the size of the truth (`prediction.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from .patches import MULTIPLE


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Return where windows begin along one axis: at even distances, from 0 to `length - window`.

    Args:
        length: of the image, in pixels; no less than `window`.
        window: of each window, in pixels.
        overlap: least share of a window that the next one covers again, in [0, 1).
    """
    room = length - window
    stride = max(1, int(window * (1 - overlap)))
    gaps = -(-room // stride)
    return [round(room * index / gaps) for index in range(gaps)] + [room]


def predict_windows(
    network: Callable[[Tensor], Tensor], image: Tensor, window: tuple[int, int], overlap: float, batch_size: int
) -> Tensor:
    """Return the weighted mean of what `network` predicts for overlapping windows: float32 `[H, W]`.

    A pixel counts the more, the further it lies from the window's border, where the network sees less of its
    surroundings: weights fall linearly to the border along both axes.

    Args:
        network: maps `[B, C, *window]` to `[B, 1, *window]`.
        image: `[C, H, W]`; where it is smaller than a window, its border is repeated.
        window: (height, width) in pixels.
        overlap: least share of a window that the next one covers again, in [0, 1).
        batch_size: windows per forward pass.
    """
    height, width = image.shape[1:]
    image = _padded(image, max(height, window[0]), max(width, window[1]))
    corners = [
        (top, left)
        for top in window_starts(image.shape[1], window[0], overlap)
        for left in window_starts(image.shape[2], window[1], overlap)
    ]
    weight = _hat(window[0], image.device)[:, None] * _hat(window[1], image.device)
    total = torch.zeros(image.shape[1:], device=image.device)
    weights = torch.zeros_like(total)
    for begin in range(0, len(corners), batch_size):
        part = corners[begin : begin + batch_size]
        pieces = torch.stack([image[:, top : top + window[0], left : left + window[1]] for top, left in part])
        found = network(pieces.contiguous(memory_format=torch.channels_last))[:, 0].float()
        for (top, left), piece in zip(part, found, strict=True):
            place = (slice(top, top + window[0]), slice(left, left + window[1]))
            total[place] += weight * piece
            weights[place] += weight
    return (total / weights)[:height, :width]


def predict_whole(network: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """Return what `network` predicts for a whole image: float32 `[H, W]`.

    Args:
        network: maps `[1, C, H', W']` to `[1, 1, H', W']`, with sides that are multiples of 32.
        image: `[C, H, W]`; its border is repeated up to such sides.
    """
    height, width = image.shape[1:]
    padded = _padded(image, -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE)
    found = network(padded[None].contiguous(memory_format=torch.channels_last))
    return found[0, 0, :height, :width].float()


def _padded(image: Tensor, height: int, width: int) -> Tensor:
    """The image `[C, height, width]`, its lower and right border repeated."""
    right, bottom = width - image.shape[2], height - image.shape[1]
    return F.pad(image[None], (0, right, 0, bottom), mode="replicate")[0] if right or bottom else image


def _hat(length: int, device: torch.device) -> Tensor:
    """1, 2, ... up to the middle and down again: `[length]`."""
    rising = torch.arange(1, length + 1, device=device, dtype=torch.float32)
    return torch.minimum(rising, rising.flip(0))

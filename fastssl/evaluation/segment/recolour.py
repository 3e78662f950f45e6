"""Changing the levels of training patches as was drawn.

Covers: colours, Gaussian noise. Does not cover: drawing them (`augmentation.py`), where pixels come from (`table.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fastssl.pipelines.ops import torch_ops
from fastssl.pipelines.ops.noise import pixel_uniform

WHITE = 255.0
"""The level that colours and noise are drawn for."""


def recoloured(levels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """Return pixels with the colours and the noise that were drawn.

    Args:
        levels: float32 `[B, C, P, Q]`, 0 to 255.
        drawn: what `draw` returned, as tensors on the device of `levels`.
    """
    if "colour" in drawn:
        levels = torch_ops.recolour(levels, drawn["colour"], drawn["offset"])
    if "noise" in drawn:
        noise = gaussian(drawn["keys"], levels[0].numel()).view(levels.shape)
        levels = (levels + drawn["noise"][:, None, None, None] * noise).clamp(0, WHITE)
    return levels


def gaussian(key: Tensor, count: int) -> Tensor:
    """Return standard normal numbers, float32 `[B, count]` (Box and Muller, Annals of Math. Statistics 29, 1958).

    Args:
        key: int64 `[B]`, which the numbers of each row are a pure function of.
        count: numbers per row.
    """
    half = -(-count // 2)
    u = pixel_uniform(key, 2 * half)
    radius, angle = (-2 * torch.log1p(-u[:, :half])).sqrt(), 2 * torch.pi * u[:, half:]
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :count]

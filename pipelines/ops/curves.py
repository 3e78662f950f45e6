"""Intensity curves: cubic Bezier curves as one look-up table per sample, in torch.

Covers: solving a curve for y(x) at evenly spaced x, and applying tables to images.
Does not cover: drawing control points (`views/bezier.py`).

A curve from (0, 0) to (1, 1) whose inner control points lie in the unit square rises in x and in y, so that it is a
function. Models Genesis (Zhou et al., Medical Image Analysis 67, 2021) turns half of the curves into falling ones by
sorting the x coordinates alone, which pairs x(s) with y(1 - s); no sorting is needed here.
"""

from __future__ import annotations

import torch
from torch import Tensor

BYTE_ENTRIES = 256
DEEP_ENTRIES = 5 * 255 + 1
"""Entries for uint16 images: every fifth of a level of 255, linear in between."""

_HALVINGS = 12  # the bracket left spans at most 3 * 2**-12 in y, 0.2 grey levels, before the last interpolation


def bezier_tables(x: Tensor, y: Tensor, falling: Tensor, entries: int) -> Tensor:
    """Solve curves for the grey levels that they give at evenly spaced grey levels.

    Args:
        x: `[B, 2]` x coordinates of the two inner control points, in [0, 1].
        y: `[B, 2]` y coordinates.
        falling: bool `[B]`, which curves turn dark to bright.
        entries: number of grey levels in [0, 255].

    Returns:
        Float32 `[B, entries]` grey levels in [0, 255].
    """
    wanted = torch.linspace(0.0, 1.0, entries, device=x.device).expand(len(x), -1)
    low = torch.zeros_like(wanted)
    step = 1.0
    for _ in range(_HALVINGS):
        step /= 2
        low.add_(_cubic(x, low + step) <= wanted, alpha=step)
    left, right = _cubic(x, low), _cubic(x, low + step)
    share = ((wanted - left) / (right - left).clamp_(min=1e-12)).clamp_(0.0, 1.0)
    mirrored = falling[:, None]
    start = _cubic(y, torch.where(mirrored, 1.0 - low, low))
    end = _cubic(y, torch.where(mirrored, 1.0 - low - step, low + step))
    return torch.lerp(start, end, share) * 255.0


def _cubic(inner: Tensor, s: Tensor) -> Tensor:
    """Coordinate at parameter s `[B, N]` of curves from 0 to 1 with inner control coordinates `[B, 2]`."""
    first, second = inner[:, :1], inner[:, 1:]
    third_power = 1.0 + 3.0 * (first - second)
    return (third_power * s).add_(3.0 * (second - 2.0 * first)).mul_(s).add_(3.0 * first).mul_(s)


def look_up(images: Tensor, tables: Tensor) -> Tensor:
    """Map the grey levels of each image by its own table.

    Args:
        images: `[B, C, S, S]`: uint8 with 256 entries each (exact), or float32 levels in [0, 255] with any number of
            entries (linear in between).
        tables: float32 `[B, entries]`.

    Returns:
        Float32 `[B, C, S, S]`.
    """
    stored = images.permute(0, 2, 3, 1)  # in the order of channels-last memory, so that flattening copies nothing
    flat = stored.flatten(1)
    if images.dtype == torch.uint8:
        mapped = tables.gather(1, flat.long())
    else:
        last = tables.shape[1] - 1
        position = flat * (last / 255.0)
        below = position.long().clamp_(0, last - 1)
        mapped = torch.lerp(tables.gather(1, below), tables.gather(1, below + 1), position - below)
    return mapped.view(stored.shape).permute(0, 3, 1, 2)

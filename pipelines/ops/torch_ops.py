"""The batched torch operations of the views: resize, warp, recolour, blur, normalise.

Covers: whole batches on any device. Resize and blur are separable, and each of their passes is a weighted sum of a few
rows of a table, which is what `embedding_bag` computes in one fused read: on one CPU core, 28x28x3, it takes 0.7 us per
image and pass where gather-and-interpolate takes 3.5 and `grid_sample` 4.3 for both passes (batches of 64).
Does not cover: drawing parameters (`geometry.py`, `colour.py`), nor DALI (`dali_ops.py`).

Planes are float32 `[B, C, X, Y]`, x before y: the separable resize leaves them so, the operations between do not mind,
and a view exchanges the axes at the end.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def levels(images: Tensor) -> Tensor:
    """Convert pixels of uint8 or uint16 images to float32 grey levels in [0, 255]."""
    pixels = images.to(torch.float32)
    return pixels if images.dtype == torch.uint8 else pixels.mul_(255.0 / 65535.0)


def resize(pixels: Tensor, start: Tensor, stop: Tensor, size: int) -> Tensor:
    """Crop boxes out of images and resize them: linear, antialiased where it shrinks, replicating the border.

    Args:
        pixels: `[B, H, W, C]` grey levels.
        start: `[B, 2]` box corners (y, x) in pixels.
        stop: `[B, 2]`, the opposite corners; exchanged with `start`, they mirror.
        size: side of the output, in pixels.

    Returns:
        Planes `[B, C, size, size]`, x before y.
    """
    batch, height, width, channels = pixels.shape
    rows, weights = _resize_taps(start, stop, (height, width), size)
    tall = _sum_rows(pixels.view(batch, 1, height, width * channels), _table_taps(rows[:, 0], weights[:, 0], 1, height))
    wide = tall.view(batch, size, width, channels).permute(0, 3, 2, 1).contiguous()
    return _sum_rows(wide, _table_taps(rows[:, 1], weights[:, 1], channels, width))


def warp(pixels: Tensor, matrix: Tensor, size: int) -> Tensor:
    """Sample images at affinely mapped positions: linear, not antialiased, replicating the image's border.

    Args:
        pixels: `[B, H, W, C]` grey levels.
        matrix: `[B, 2, 3]`, output (x, y) to source (x, y), pixel centres at half-integers.
        size: side of the output, in pixels.

    Returns:
        Planes `[B, C, size, size]`, x before y.
    """
    _, height, width, _ = pixels.shape
    centres = torch.arange(size, device=pixels.device, dtype=torch.float32) + 0.5
    x, y = torch.meshgrid(centres, centres, indexing="ij")
    source = torch.stack([x, y, torch.ones_like(x)], dim=-1).view(1, -1, 3) @ matrix.transpose(1, 2)
    extent = torch.tensor([width, height], device=pixels.device, dtype=torch.float32)
    grid = (source * (2.0 / extent) - 1.0).view(-1, size, size, 2)
    planar = pixels.permute(0, 3, 1, 2).contiguous()
    return F.grid_sample(planar, grid, mode="bilinear", padding_mode="border", align_corners=False)


def recolour(planes: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Apply an affine map across channels and clamp to [0, 255].

    Args:
        planes: `[B, C, X, Y]` grey levels.
        matrix: `[B, C, C]`.
        offset: `[B, C]`.

    Returns:
        Planes `[B, C, X, Y]`.
    """
    mapped = torch.baddbmm(offset[:, :, None], matrix, planes.flatten(2))
    return mapped.clamp_(0.0, 255.0).view_as(planes)


def blur(planes: Tensor, sigma: Tensor, max_sigma: float, threshold: float) -> Tensor:
    """Blur the samples whose sigma is above a threshold, in place; borders mirror without repeating.

    The Gaussian kernel ends at ceil(3 sigma), as DALI's does.

    Args:
        planes: `[B, C, X, Y]` with X equal to Y.
        sigma: `[B]` in pixels, at most `max_sigma`.
        max_sigma: which sizes the kernel.
        threshold: sigma up to which a sample is left as it is.

    Returns:
        The same planes.
    """
    chosen = (sigma > threshold).nonzero().squeeze(1)
    if len(chosen) == 0:
        return planes
    picked = planes.index_select(0, chosen)
    channels, length = picked.shape[1:3]
    taps = _table_taps(*_blur_taps(sigma.index_select(0, chosen), max_sigma, length), channels, length)
    for _ in range(2):  # across x, then, transposed, across y; the second turn restores the axes
        picked = _sum_rows(picked, taps).transpose(2, 3).contiguous()
    return planes.index_copy_(0, chosen, picked)


def normalise(planes: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Compute (level / 255 - mean) / std of grey levels `[B, C, X, Y]` as float32.

    One plane for C channels, `[B, 1, X, Y]`, becomes C of them, or stays one where the channels' numbers are alike.
    """
    scale, shift = [1.0 / (255.0 * s) for s in std], [-m / s for m, s in zip(mean, std, strict=True)]
    if len({*scale}) == len({*shift}) == 1:  # scalars; broadcast over channels-last images takes 10 times as long
        return (planes * scale[0]).add_(shift[0])
    by_channel = torch.tensor([scale, shift], device=planes.device)
    channels_last = planes.shape[1] > 1 and planes.is_contiguous(memory_format=torch.channels_last)
    if channels_last:  # whole rows, which take a fifth of that
        scales, shifts = by_channel.repeat(1, planes.shape[3])
        rows = (planes.permute(0, 2, 3, 1).flatten(2) * scales).add_(shifts)
        return rows.unflatten(2, (planes.shape[3], -1)).permute(0, 3, 1, 2)
    scales, shifts = by_channel[:, :, None, None]
    return (planes * scales).add_(shifts)


def _sum_rows(planes: Tensor, taps: tuple[Tensor, Tensor]) -> Tensor:
    """Weighted sums of rows: planes `[B, C, R, L]`, contiguous, and `_table_taps` of S outputs to `[B, C, S, L]`."""
    batch, channels, _, length = planes.shape
    index, share = taps
    summed = F.embedding_bag(index, planes.view(-1, length), per_sample_weights=share, mode="sum")
    return summed.view(batch, channels, -1, length)


def _table_taps(rows: Tensor, weights: Tensor, channels: int, length: int) -> tuple[Tensor, Tensor]:
    """Taps on the planes of a batch as taps on one table of all their rows.

    rows (int32), weights (float32): `[B, S, K]`, the same for each of a sample's C planes of `length` rows.
    Returns both as `[B * C * S, K]`.
    """
    batch, _, reach = weights.shape
    first = torch.arange(batch * channels, dtype=torch.int32, device=rows.device).view(batch, channels, 1, 1) * length
    share = weights[:, None].expand(-1, channels, -1, -1)
    return (rows[:, None] + first).view(-1, reach), share.reshape(-1, reach)


def _resize_taps(start: Tensor, stop: Tensor, shape: tuple[int, int], size: int) -> tuple[Tensor, Tensor]:
    """Source rows (axis 1: 0) and columns (1) of `size` outputs that span [start, stop), and their weights.

    A triangle filter as wide as the step between outputs, at least one source pixel (then it is linear interpolation).
    start, stop: `[B, 2]`. Returns int32 and float32 `[B, 2, size, K]`.
    """
    device = start.device
    reach = 2 * math.ceil(max(1.0, max(shape) / size))
    step = ((stop - start) / size)[:, :, None, None]
    # Taps before outputs until the end: broadcasting along an innermost axis of two is several times as slow.
    outputs = torch.arange(size, device=device, dtype=torch.float32) + 0.5
    taps = torch.arange(1, reach + 1, device=device, dtype=torch.float32)[:, None]
    centre = start[:, :, None, None] + outputs * step - 0.5
    radius = step.abs().clamp_(min=1.0)
    rows = (centre - radius).floor_() + taps
    weights = (1.0 - (rows - centre).abs_() / radius).clamp_(min=0.0)
    weights /= weights.sum(dim=2, keepdim=True)
    last = torch.tensor(shape, device=device, dtype=torch.float32).view(2, 1, 1) - 1.0
    rows = torch.minimum(rows.clamp_(min=0.0), last).to(torch.int32)
    return rows.transpose(2, 3).contiguous(), weights.transpose(2, 3).contiguous()


def _blur_taps(sigma: Tensor, max_sigma: float, length: int) -> tuple[Tensor, Tensor]:
    """Source rows and Gaussian weights of each of `length` rows: `[B, length, K]` each."""
    radius = math.ceil(3.0 * max_sigma)
    reach = torch.arange(-radius, radius + 1, device=sigma.device, dtype=torch.float32)
    sigma = sigma[:, None]
    weights = torch.exp(-0.5 * (reach / sigma) ** 2) * (reach.abs() <= (3.0 * sigma).ceil())
    weights /= weights.sum(dim=1, keepdim=True)
    period = max(1, 2 * (length - 1))  # borders mirror about the outermost pixel's centre
    rows = (torch.arange(length, device=sigma.device)[:, None] + reach.to(torch.int64)) % period
    rows = torch.minimum(rows, period - rows).to(torch.int32)
    batch = len(sigma)
    return rows.expand(batch, -1, -1), weights[:, None].expand(-1, length, -1)

"""Random numbers per pixel, made on the device: `fastssl.pipelines.random` continued in torch.

Covers: the same SplitMix64 sequence, from keys that NumPy drew, so that an image's noise is a pure function of (seed,
epoch, sample, pixel) and megabytes of it need not be drawn on the host. Does not cover: numbers per sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

_GOLDEN, _FIRST, _SECOND = (value - (1 << 64) for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
"""SplitMix64's constants as signed integers: torch has no uint64 arithmetic, and multiplication wraps alike."""


def pixel_uniform(keys: Tensor, slots: int) -> Tensor:
    """Draw uniform numbers in [0, 1), 24 random bits each.

    They are the leading 24 bits of `random.words` with the same keys.

    Args:
        keys: int64 `[B]`, the bits of `random.keys`.
        slots: numbers per sample.

    Returns:
        Float32 `[B, slots]`, on the keys' device.
    """
    bits = keys[:, None] + torch.arange(1, slots + 1, device=keys.device) * _GOLDEN
    bits = (bits ^ _shift(bits, 30)).mul_(_FIRST)
    bits = (bits ^ _shift(bits, 27)).mul_(_SECOND)
    return _shift(bits ^ _shift(bits, 31), 40).to(torch.float32).mul_(2.0**-24)


def _shift(bits: Tensor, places: int) -> Tensor:
    """Shift right as if the integers were unsigned."""
    return (bits >> places).bitwise_and_((1 << (64 - places)) - 1)

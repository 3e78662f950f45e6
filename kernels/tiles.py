"""Triton functions that more than one operation's kernels call.

Covers: log(1 + x) near 0, and the gradient of a normalised row. Does not cover: loads, stores, products.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def log1p(x):
    """Compute log(1 + x) for x >= 0."""
    # Where 1 + x rounds x away the series does not; for 0 <= x < 0.02 it is off by at most 3e-8 of the value.
    series = x * (1.0 - x * (0.5 - x * (1.0 / 3.0 - x * 0.25)))
    return tl.where(x < 0.02, series, tl.log(1.0 + x))


@triton.jit
def through_norm(b_grad, b_unit, norm):
    """Turn a unit row's gradient into that of the row before it was normalised."""
    # The norm is clamped in the forward pass, and a clamped norm has no gradient of its own.
    radial = tl.where(norm > 1e-12, tl.sum(b_grad * b_unit, 0), 0.0)
    return (b_grad - radial * b_unit) / tl.maximum(norm, 1e-12)

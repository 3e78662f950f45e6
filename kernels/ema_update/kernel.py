"""The moving average of one flat buffer.

Covers: target <- target + (1 - momentum) * (source - target), elementwise in the target's dtype: 12 bytes per fp32
parameter, in 128-bit loads and stores. Does not cover: finding the flat buffer (flat.py).
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def ema_kernel(target, source, momentum, n_elements, MOMENTUM_IN_MEMORY: tl.constexpr, BLOCK: tl.constexpr):
    """Move the target towards the source, one block of elements per program."""
    i_n = tl.program_id(0).to(tl.int64)
    o_n = i_n * BLOCK + tl.arange(0, BLOCK)
    m_n = o_n < n_elements
    b_target = tl.load(target + o_n, mask=m_n)
    b_source = tl.load(source + o_n, mask=m_n).to(b_target.dtype)
    keep = tl.load(momentum).to(b_target.dtype) if MOMENTUM_IN_MEMORY else momentum
    tl.store(target + o_n, b_source + keep * (b_target - b_source), mask=m_n)

"""What the tensor cores multiply. Covers: operand dtype and fp32 product precision, shared by the contrastive kernels.

Does not cover: accumulation, which is always fp32.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton.language as tl

from fastssl.kernels.dispatch import float32_is_exact, interpreting

_TRITON_DTYPE = {torch.float32: tl.float32, torch.bfloat16: tl.bfloat16, torch.float16: tl.float16}


class Precision(NamedTuple):
    """operands: Triton dtype of both factors. products: "tf32" or "ieee", of fp32 factors. headroom: in powers of two.

    Softmax weights are at most 1, and fp16 keeps nothing below 2^-24, so there they are scaled by 2^14, which cancels.
    """

    operands: tl.dtype
    products: str
    headroom: int


def product_precision(*dtypes: torch.dtype) -> Precision:
    """The first half-precision dtype decides; without one, fp32, with tf32 products where torch allows them."""
    dtype = next((dtype for dtype in dtypes if dtype.itemsize == 2), torch.float32)
    # Asked for fp32 alone: half precision has one kind of product, and one compiled kernel whatever the setting.
    products = "ieee" if dtype == torch.float32 and float32_is_exact() else "tf32"
    headroom = 14 if dtype == torch.float16 else 0
    # Triton's interpreter holds bf16 as integers, and its products of them are garbage: there they run in fp32.
    operands = tl.float32 if interpreting() and dtype == torch.bfloat16 else _TRITON_DTYPE[dtype]
    return Precision(operands, products, headroom)

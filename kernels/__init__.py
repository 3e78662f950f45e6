"""Triton kernels for self-supervised losses and pixel transforms, and their plain-torch references.

Covers: the public names, loaded on first use, so that the import needs neither Triton nor a GPU.
Does not cover: any work of its own. Each folder holds one operation:
    op.py         the public function: checks, autograd, registration with torch.library
    kernel.py     the Triton kernels and nothing else
    launch.py     shapes -> grid and static launch table
    reference.py  the same maths in plain torch: what runs on a CPU, and what the kernels are tested against
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Public name -> the module that defines it (PEP 562: imported when first asked for).
_EXPORTS = {
    "InfoNCEStats": "fastssl.kernels.infonce.op",
    "ema_update_": "fastssl.kernels.ema.op",
    "flatten_": "fastssl.kernels.ema.flat",
    "grouped_batch_norm": "fastssl.kernels.batchnorm.op",
    "info_nce": "fastssl.kernels.infonce.op",
    "lies_in": "fastssl.kernels.ema.flat",
    "masked_mse": "fastssl.kernels.mse.op",
    "nt_xent": "fastssl.kernels.ntxent.op",
    "small_map_conv2d": "fastssl.kernels.smallmap.op",
    "transform_pixels": "fastssl.kernels.pixels.op",
}

__all__ = [
    "InfoNCEStats",
    "ema_update_",
    "flatten_",
    "grouped_batch_norm",
    "info_nce",
    "lies_in",
    "masked_mse",
    "nt_xent",
    "small_map_conv2d",
    "transform_pixels",
]

if TYPE_CHECKING:
    from fastssl.kernels.batchnorm.op import grouped_batch_norm
    from fastssl.kernels.ema.flat import flatten_, lies_in
    from fastssl.kernels.ema.op import ema_update_
    from fastssl.kernels.infonce.op import InfoNCEStats, info_nce
    from fastssl.kernels.mse.op import masked_mse
    from fastssl.kernels.ntxent.op import nt_xent
    from fastssl.kernels.pixels.op import transform_pixels
    from fastssl.kernels.smallmap.op import small_map_conv2d


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'fastssl.kernels' has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

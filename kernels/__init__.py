"""Triton kernels for self-supervised losses and pixel transforms, and their plain-torch references.

Covers: the public names. Importing them needs torch, but neither Triton nor a GPU.
Does not cover: any work of its own. Each folder is named after its public function and holds one operation:
    op.py         the public function and its checks
    autograd.py   which implementation runs, registration with torch.library, gradients (in op.py where there are none)
    kernel.py     the Triton kernels and nothing else
    launch.py     shapes -> grid and static launch table
    reference.py  the same maths in plain torch: what runs on a CPU, and what the kernels are tested against
"""

# Bound here and not on first use: a folder has its function's name, and importing a folder's module for the first time
# would put the folder in the function's place.
from fastssl.kernels.ema_update.flat import flatten_, lies_in
from fastssl.kernels.ema_update.op import ema_update_
from fastssl.kernels.grouped_batch_norm.op import grouped_batch_norm
from fastssl.kernels.info_nce.op import InfoNCEStats, info_nce
from fastssl.kernels.masked_mse.op import masked_mse
from fastssl.kernels.nt_xent.op import nt_xent
from fastssl.kernels.small_map_conv2d.op import small_map_conv2d
from fastssl.kernels.transform_pixels.op import transform_pixels

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

"""L2 normalisation of rows, as `torch.nn.functional.normalize` defines it: x / max(|x|, 1e-12).

Covers: forward and backward in plain torch, with the norm handed over.
Does not cover: autograd; the operations call these inside their own forward and backward.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-12


def unit_rows(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Unit rows [N, D] and their norms [N], in the dtype of `raw`."""
    norm = raw.norm(dim=1)
    return raw / norm.clamp_min(EPSILON).unsqueeze(1), norm


def through_norm(grad: Tensor, unit: Tensor, norm: Tensor) -> Tensor:
    """Gradient [N, D] for the raw rows from the one for the unit rows. A clamped norm has no gradient of its own."""
    norm = norm.unsqueeze(1)
    radial = (grad * unit).sum(1, keepdim=True).masked_fill_(norm <= EPSILON, 0.0)
    return torch.addcmul(grad, radial, unit, value=-1.0) / norm.clamp_min(EPSILON)

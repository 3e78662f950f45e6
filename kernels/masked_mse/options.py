"""What one call of the masked mean squared error computes, as op.py hands it to the implementations.

Covers: the settings that decide which code is compiled. Does not cover: the choice of the implementation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MaskedMSEOptions:
    """Which loss, and what else is computed with it.

    Args:
        mean: divide the sum of squared errors by the number of masked elements.
        grad: the gradient of the loss for the prediction.
    """

    mean: bool
    grad: bool

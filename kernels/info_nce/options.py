"""What one call of InfoNCE computes, as the public function (op.py) hands it to the implementations.

Covers: the settings that decide which code is compiled. Does not cover: the temperature, a number that is passed to
compiled code, and the choice of the implementation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class InfoNCEOptions:
    """What is computed besides the loss of each row.

    Args:
        normalize: divide query and key by their L2 norms first.
        query_grad: the gradient of each row's loss for its query.
        key_grad: the gradient of each row's loss for its key.
        rank: how many logits of the queue reach the positive's.
    """

    normalize: bool
    query_grad: bool
    key_grad: bool
    rank: bool

"""What an encoder is worth once it is trained on labels: end to end or frozen, on all labels or on a share of them."""

from __future__ import annotations

from .run import finetune

__all__ = ["finetune"]

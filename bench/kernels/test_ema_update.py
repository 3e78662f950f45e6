"""`ema_update_` of an encoder's parameters, flat and as a list, against a loop and torch's own average.

Covers: time, memory, and the floor of 12 bytes a parameter. GPU figures: not yet measured. Does not cover: fusing the
average into the optimiser, which would read the parameters once less.
"""

from __future__ import annotations

import timm
import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from bench.harness import Comparison, Work, best_device
from fastssl.kernels import ema_update_, flatten_

MOMENTUM = 0.99
ENCODER = "resnet50" if best_device() == "cuda" else "resnet18"


def parameters(device: str) -> list[torch.Tensor]:
    return [p.detach() for p in timm.create_model(ENCODER, num_classes=0).to(device).parameters()]


def test_time(compare: Comparison, device: str) -> None:
    lists = [parameters(device) for _ in range(4)]
    flat = [flatten_(lists[0])], [flatten_(lists[1])]
    averaged = get_ema_multi_avg_fn(MOMENTUM)

    def loop() -> None:
        for target, source in zip(lists[2], lists[3], strict=True):
            target.mul_(MOMENTUM).add_(source, alpha=1.0 - MOMENTUM)

    variants = {
        "fastssl, flat": lambda: ema_update_(*flat, MOMENTUM),
        "fastssl, list": lambda: ema_update_(lists[2], lists[3], MOMENTUM),
        "torch's foreach": lambda: averaged(lists[2], lists[3], None),
        "eager loop": loop,
    }
    count = sum(p.numel() for p in lists[0])
    work = Work(bytes=12.0 * count, flop=3.0 * count)
    compare(f"ema_update_ {ENCODER}, {count / 1e6:.1f}M float32", variants, work=work)

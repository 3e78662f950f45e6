"""Cross entropy of a linear layer without its logits in memory: the nearest that others have to `info_nce`.

Covers: torch's own (2.13 on), Liger's and Apple's cut cross entropy as peers. Does not cover: their values, which
differ: the keys of a whole batch are the first classes, so that each query has the other keys as negatives as well (B
more among 65536). The two last are kernels for GPUs; not yet run.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.harness import NotInstalled, peer
from bench.harness.timing import Call

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of queries `[B, D]`, classes `[C, D]` and the class of each query `[B]`."""


def peers(query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> dict[str, Call | NotInstalled]:
    """Loss and gradient of the query by each library; the classes are put together once, outside the timing."""
    classes = (torch.cat([key, queue]).float() / temperature).to(query.dtype)
    targets = torch.arange(len(query), device=query.device)

    def step(loss: Loss) -> Call:
        def call() -> None:
            query.grad = None
            loss(query, classes, targets).backward()

        return call

    found: dict[str, Call | NotInstalled] = {}
    if hasattr(F, "linear_cross_entropy"):
        found["torch, linear CE"] = step(F.linear_cross_entropy)
    if query.is_cuda:
        found["Liger"] = peer("liger_kernel", lambda: step(_liger()), pip="liger-kernel")
        found["cut cross entropy"] = peer("cut_cross_entropy", lambda: step(_cut()), pip="cut-cross-entropy")
    return found


def _liger() -> Loss:
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss

    criterion = LigerFusedLinearCrossEntropyLoss()
    return lambda query, classes, targets: criterion(classes, query, targets)


def _cut() -> Loss:
    from cut_cross_entropy import linear_cross_entropy

    return linear_cross_entropy  # type: ignore[no-any-return]

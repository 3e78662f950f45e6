"""Launch every kernel once at the size its target is stated for, between the marks that a profiler looks for.

Covers: what `ncu --profile-from-start off` is to measure, compiled and warmed up before. Does not cover: time
(`bench/kernels`), nor a machine without a GPU.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F

from fastssl.kernels import ema_update_, flatten_, info_nce, masked_mse, nt_xent, transform_pixels


def calls() -> list[Callable[[], object]]:
    """Each public function on random inputs, forward and backward."""
    options = {"device": "cuda", "dtype": torch.bfloat16}
    query, key, queue = (F.normalize(torch.randn(n, 128, **options), dim=1) for n in (256, 256, 65536))
    embeddings = torch.randn(2048, 128, **options, requires_grad=True)
    prediction, target = torch.randn(2, 256, 3, 224, 224, **options)
    mask = torch.rand(256, 1, 14, 14, device="cuda") < 0.6
    images = torch.randint(0, 256, (256, 224, 224, 3), dtype=torch.uint8, device="cuda")
    lut = torch.rand(256, 256, device="cuda")
    targets, sources = ([torch.rand(24_000_000, device="cuda")] for _ in range(2))
    flatten_(targets)
    flatten_(sources)
    query.requires_grad_()
    prediction.requires_grad_()
    return [
        lambda: info_nce(query, key, queue, 0.2).backward(),
        lambda: nt_xent(embeddings, 0.1).backward(),
        lambda: masked_mse(prediction, target, mask).backward(),
        lambda: transform_pixels(images, lut=lut, mask=mask, mean=(0.5,), std=(0.25,), dtype=torch.bfloat16),
        lambda: ema_update_(targets, sources, 0.99),
    ]


def main() -> int:
    """Warm up, then launch once under the profiler; the exit status."""
    if not torch.cuda.is_available():
        print("needs a CUDA device")
        return 1
    launches = calls()
    for launch in launches * 2:
        launch()
    torch.cuda.synchronize()
    torch.cuda.cudart().cudaProfilerStart()
    for launch in launches:
        launch()
    torch.cuda.synchronize()
    torch.cuda.cudart().cudaProfilerStop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

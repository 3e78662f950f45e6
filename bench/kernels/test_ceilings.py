"""What this device can do at best: a copy of memory and a large bf16 product, which all floors are reckoned from.

Covers: device-to-device copy, counting bytes read and written, and a square GEMM of random numbers (zeros run faster).
Does not cover: a CPU, whose figures have no floors.
"""

from __future__ import annotations

import pytest
import torch

from bench.harness import Report, Row, Work, best_device, measure

pytestmark = pytest.mark.skipif(best_device() != "cuda", reason="floors are reckoned for GPUs alone")

COPIED_BYTES = 4 << 30
SIDE = 8192


def test_copy(report: Report) -> None:
    source = torch.randint(0, 256, (COPIED_BYTES,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    (timing,) = measure({"copy_": lambda: target.copy_(source)}, warm_cache=True).values()
    work = Work(bytes=2.0 * COPIED_BYTES, flop=0.0)
    report.rows.append(Row("copy of 4 GiB", "copy_", timing, work, {"TB/s": work.bytes / timing.median / 1e12}))


def test_gemm(report: Report) -> None:
    left, right = torch.randn(2, SIDE, SIDE, device="cuda", dtype=torch.bfloat16)
    (timing,) = measure({"matmul": lambda: left @ right}, warm_cache=True).values()
    work = Work(bytes=6.0 * SIDE**2, flop=2.0 * SIDE**3)
    report.rows.append(Row("bf16 8192^3 GEMM", "matmul", timing, work, {"TFLOP/s": work.flop / timing.median / 1e12}))

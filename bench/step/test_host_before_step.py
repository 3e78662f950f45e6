"""The host's share of what a MoCo step does before its loss, with a kernel that does nothing in place of the average's.

Covers: `before_step` in eager mode. Goal, on a quiet processor: 60 us for a ResNet-50. Does not cover: compiled steps,
as on CUDA by default: there the average is part of the loss's graph and costs the host nothing.
"""

from __future__ import annotations

import pytest

from bench.harness import Comparison
from fastssl.models.encoder import create_encoder, feature_dim
from fastssl.stages.moco.objective import MoCo

pytest.importorskip("triton", reason="needs Triton: pip install triton")
from bench.kernels.no_kernels import no_kernels

CALLS = 100


@pytest.mark.benchmark(max_time=0.2)
@pytest.mark.parametrize("name", [pytest.param("resnet18", marks=pytest.mark.full), "resnet50"])
def test_before_step(name: str, compare: Comparison) -> None:
    encoder = create_encoder(name, 3, 64, seed=0)
    moco = MoCo(encoder, feature_dim(encoder, 3, 64), queue_size=1024, bn_splits=4)
    moco.lay_out()

    def repeated() -> None:
        for _ in range(CALLS):
            moco.before_step()

    with no_kernels():
        compare(f"before_step of {name}, without its kernel", {"fastssl": repeated}, calls=CALLS, device="cpu")

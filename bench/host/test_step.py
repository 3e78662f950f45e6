"""The host's share of what a MoCo step does before its loss, with a kernel that does nothing in place of the average's.

Covers: `before_step` in eager mode. Goal, on a quiet processor: 60 us for a ResNet-50. Does not cover: compiled steps,
as on CUDA by default: there the average is part of the loss's graph and costs the host nothing.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.harness import QUICK, Report, Row, measure
from fastssl.models.encoder import create_encoder, feature_dim
from fastssl.stages.moco.objective import MoCo

CALLS = 1 if QUICK else 200


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_before_step(name: str, report: Report) -> None:
    encoder = create_encoder(name, 3, 64, seed=0)
    moco = MoCo(encoder, feature_dim(encoder, 3, 64), queue_size=1024, bn_splits=4)
    moco.lay_out()

    def repeated() -> None:
        for _ in range(CALLS):
            moco.before_step()

    (timing,) = measure({"flat": repeated}, device="cpu", rounds=15).values()
    seconds = {field: getattr(timing, field) / CALLS for field in ("median", "fastest", "slowest")}
    report.rows.append(Row("before_step, without its kernel", name, replace(timing, **seconds)))

"""The buckets in which DDP sums gradients, and when each is ready.

Covers: which layers share a bucket, as torch's `DistributedDataParallel` fills them: from the last parameters to the
first, a small bucket first; the share of the backward pass after which a bucket is full. Does not cover: how long its
sum takes (`cluster.py`), what waits for what (`simulate.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.scaling.terms import FP32, StepTerms

MIB = 2**20
FIRST = 1 * MIB
BUCKET = 25 * MIB
"""torch's defaults, of the first bucket and of all others."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Gradients that are summed together.

    Args:
        parameters: how many numbers.
        ready: the share of the backward pass after which all of them are there.
    """

    parameters: int
    ready: float


def gradient_buckets(terms: StepTerms, *, first: int = FIRST, rest: int = BUCKET) -> list[Bucket]:
    """Fill buckets in the order of the backward pass; a bucket is closed once it holds its size or more.

    A layer's gradient is there after its share of the FLOPs, which are as many times those of its forward pass in all
    layers.

    Args:
        terms: of the stage and network.
        first: bytes at which the first bucket is closed.
        rest: of the others.

    Returns:
        Buckets, the earliest first.
    """
    total = sum(layer.flops for layer in terms.layers)
    found: list[Bucket] = []
    numbers, done = 0, 0.0
    for layer in reversed(terms.layers):
        numbers += layer.parameters
        done += layer.flops
        if numbers * FP32 >= (rest if found else first):
            found.append(Bucket(parameters=numbers, ready=done / total))
            numbers = 0
    if numbers:
        found.append(Bucket(parameters=numbers, ready=1.0))
    return found

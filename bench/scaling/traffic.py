"""What each GPU sends in a step: bytes on the wire, by what they are for.

Covers: gradients, MoCo's exchange of key images and gather of keys, NT-Xent's gather of embeddings and sum of their
gradients, the statistics of synchronised batch norm, metrics. Does not cover: how long it takes (`cluster.py`), what
overlaps (`simulate.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bench.scaling.cluster import Cluster, all_gather_bytes, all_reduce_bytes, all_to_all_bytes
from bench.scaling.terms import FP32, StepTerms

Operation = Literal["all-reduce", "all-gather", "all-to-all"]
EMBEDDING = 128
ID = 8
"""Bytes of a sample's number, int64."""
METRICS = 4
"""Numbers of a step that are averaged for the log."""
BYTES = {"all-reduce": all_reduce_bytes, "all-gather": all_gather_bytes, "all-to-all": all_to_all_bytes}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a step is distributed.

    Args:
        gpus: N.
        batch: b, images per GPU and step (of each of the accumulated ones).
        compress: gradients cross the wire as bf16.
        norm_gpus: GPUs that share the statistics of batch norm; more than there are: all. Where all do, MoCo exchanges
            no images.
        whole_loss: of SimCLR, every GPU computes the whole loss, which ours does not: each has the rows of its crops.
        accumulate: forward and backward passes per update.
        image_bytes: of a number of an image or an embedding: 2 in bf16.
    """

    gpus: int
    batch: int
    compress: bool = False
    norm_gpus: int = 1
    whole_loss: bool = False
    accumulate: int = 1
    image_bytes: int = 2

    @property
    def gradient_number(self) -> int:
        """Bytes of a number of a gradient on the wire."""
        return 2 if self.compress else FP32

    @property
    def norm_group(self) -> int:
        """GPUs that share the statistics of batch norm, of those that there are."""
        return min(self.norm_gpus, self.gpus)


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A collective operation, or several alike, that every GPU waits for.

    Args:
        name: what for.
        when: the part of the step that it precedes.
        operation: which.
        size: bytes of one GPU's data.
        gpus: that take part.
    """

    name: str
    when: Literal["keys", "loss", "backward", "end"]
    operation: Operation
    size: float
    gpus: int

    def wire(self) -> float:
        """Return the bytes that each GPU sends."""
        return BYTES[self.operation](self.size, self.gpus)

    def seconds(self, cluster: Cluster) -> float:
        """Return how long it takes."""
        call = {"all-reduce": cluster.all_reduce, "all-gather": cluster.all_gather, "all-to-all": cluster.all_to_all}
        return call[self.operation](self.size, self.gpus)


def transfers(terms: StepTerms, plan: Plan) -> list[Transfer]:
    """List every collective operation of one forward and backward pass, but for gradients.

    Args:
        terms: of the stage and network.
        plan: how it is distributed.

    Returns:
        In the order of a step.
    """
    return [*_of_moco(terms, plan), *_of_simclr(terms, plan), *_of_batch_norm(terms, plan), _metrics(plan)]


def wire_bytes(terms: StepTerms, plan: Plan) -> dict[str, float]:
    """Sum the bytes that each GPU sends in a step, by what they are for; "gradients" first.

    Args:
        terms: of the stage and network.
        plan: how it is distributed.

    Returns:
        Name -> bytes.
    """
    found = {"gradients": all_reduce_bytes(terms.parameters * plan.gradient_number, plan.gpus)}
    for transfer in transfers(terms, plan):
        found[transfer.name] = found.get(transfer.name, 0.0) + plan.accumulate * transfer.wire()
    return found


def _of_moco(terms: StepTerms, plan: Plan) -> Iterator[Transfer]:
    if terms.stage != "moco":
        return
    if terms.batch_norm_channels and plan.norm_group < plan.gpus:
        images = plan.batch * 3 * terms.size**2 * plan.image_bytes
        yield Transfer(name="key images", when="keys", operation="all-to-all", size=images, gpus=plan.gpus)
    keys = plan.batch * (EMBEDDING * FP32 + ID)
    yield Transfer(name="keys", when="loss", operation="all-gather", size=keys, gpus=plan.gpus)


def _of_simclr(terms: StepTerms, plan: Plan) -> Iterator[Transfer]:
    if terms.stage != "simclr":
        return
    crops = 2 * plan.batch
    own = crops * EMBEDDING * plan.image_bytes
    yield Transfer(name="embeddings", when="loss", operation="all-gather", size=own, gpus=plan.gpus)
    if not plan.whole_loss:
        # The loss and logsumexp of each crop: all that another GPU needs for the whole gradient of its own.
        yield Transfer(name="losses", when="loss", operation="all-gather", size=crops * 2 * FP32, gpus=plan.gpus)
        return
    every = own * plan.gpus
    yield Transfer(name="embeddings' gradients", when="backward", operation="all-reduce", size=every, gpus=plan.gpus)


def _of_batch_norm(terms: StepTerms, plan: Plan) -> Iterator[Transfer]:
    """Mean and variance of each layer, gathered as fp32; of MoCo's key encoder too, which has no backward pass."""
    shared = plan.norm_group
    if shared == 1:
        return
    for channels in terms.batch_norm_channels:
        size = 2 * channels * FP32
        if terms.key_passes:
            yield Transfer(name="batch norm", when="keys", operation="all-gather", size=size, gpus=shared)
        yield Transfer(name="batch norm", when="loss", operation="all-gather", size=size, gpus=shared)
        yield Transfer(name="batch norm", when="backward", operation="all-reduce", size=size, gpus=shared)


def _metrics(plan: Plan) -> Transfer:
    return Transfer(name="metrics", when="end", operation="all-reduce", size=METRICS * FP32, gpus=plan.gpus)

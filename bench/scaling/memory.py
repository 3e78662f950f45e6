"""What lies in each GPU's memory during a step, by what it is.

Covers: weights, gradients, optimiser, moving average, queue, what the backward pass keeps, batches, buffers of
communication. Does not cover: torch's fragmentation, workspaces of convolutions beyond what `Accelerator` reserves.
"""

from __future__ import annotations

from bench.scaling.buckets import BUCKET
from bench.scaling.cluster import Accelerator
from bench.scaling.terms import FP32, StepTerms
from bench.scaling.traffic import EMBEDDING, ID, Plan

QUEUE = 65536
PREFETCHED = 3
"""Batches that the loader makes ahead on a GPU."""
STATE = {"sgd": 1, "lars": 1, "adamw": 2}
"""Numbers that an optimiser keeps per parameter: a momentum, or two moments."""


def optimizer_of(terms: StepTerms) -> str:
    """Return the optimiser that `fastssl train` takes by itself for this stage and network."""
    if terms.stage == "moco":
        return "sgd"
    return "lars" if terms.batch_norm_channels else "adamw"


def memory_bytes(terms: StepTerms, plan: Plan, accelerator: Accelerator, *, queue: int = QUEUE) -> dict[str, float]:
    """Sum the bytes on one GPU in training with bf16 autocast, by what they are.

    Args:
        terms: of the stage and network.
        plan: how it is distributed.
        accelerator: for what is reserved.
        queue: K, of MoCo.

    Returns:
        Name -> bytes.
    """
    weights = terms.parameters * FP32
    images = 2 * plan.batch * 3 * terms.size**2 * plan.image_bytes
    held_by_loader = (PREFETCHED + 1) * images
    crops = 2 * plan.batch * plan.gpus
    found = {
        "weights": weights,
        "gradients": weights,  # the buckets themselves, of which each gradient is a view
        "optimiser": STATE[optimizer_of(terms)] * weights,
        "moving average": terms.averaged_parameters * FP32,
        "queue": queue * (EMBEDDING * plan.image_bytes + ID) if terms.stage == "moco" else 0,
        "kept for backward": terms.fixed_bytes["bf16"] + plan.batch * terms.activation_bytes["bf16"],
        "batches": held_by_loader,
        "gathered": 2 * crops * EMBEDDING * FP32 if terms.stage == "simclr" else crops / 2 * (EMBEDDING * FP32 + ID),
        "compressed buckets": 2 * BUCKET if plan.compress else 0,
        "reserved": accelerator.reserved,
    }
    return {name: float(size) for name, size in found.items()}


def largest_batch(terms: StepTerms, plan: Plan, accelerator: Accelerator) -> int:
    """Find the most images per GPU and step that fit.

    Args:
        terms: of the stage and network.
        plan: how it is distributed; its batch is not read.
        accelerator: whose memory it is.

    Returns:
        A number of images; 0 if none fits.
    """

    def total(batch: int) -> float:
        own = Plan(gpus=plan.gpus, batch=batch, compress=plan.compress, image_bytes=plan.image_bytes)
        return sum(memory_bytes(terms, own, accelerator).values())

    fixed = total(0)
    return max(0, int((accelerator.memory - fixed) / (total(1) - fixed)))

"""How long a step takes, and with what efficiency: closed formulae, and the schedule for the simulation.

Covers: compute from FLOPs, updates from bytes of memory, what is waited for, what of the gradients' sum the backward
pass hides; bounds from below and above. Does not cover: events and stragglers (`simulate.py`), loading and
augmentation, which are assumed to be hidden.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace

from bench.scaling.buckets import gradient_buckets
from bench.scaling.cluster import Accelerator, Cluster
from bench.scaling.memory import QUEUE, STATE, optimizer_of
from bench.scaling.simulate import Phase, Schedule, Sum, simulate
from bench.scaling.terms import FP32, StepTerms
from bench.scaling.traffic import EMBEDDING, Plan, transfers

SIMULATED = 10
"""Steps of which a simulated time is the mean."""


def loss_flops(terms: StepTerms, plan: Plan) -> float:
    """Count the products of the loss on one GPU: logits, the same again in the backward pass, and those of gradients.

    InfoNCE has b rows and K columns and gradients of its rows; NT-Xent has 2bN columns and gradients of both.

    Args:
        terms: of the stage.
        plan: how it is distributed.

    Returns:
        FLOPs.
    """
    if terms.stage == "moco":
        return 6.0 * plan.batch * QUEUE * EMBEDDING
    columns = 2 * plan.batch * plan.gpus
    rows = columns if plan.whole_loss else 2 * plan.batch
    return 8.0 * rows * columns * EMBEDDING


def update_bytes(terms: StepTerms) -> float:
    """Count the bytes of memory that the update moves: weights, gradients and state, and the moving average."""
    optimizer = terms.parameters * FP32 * (3 + 2 * STATE[optimizer_of(terms)])
    return optimizer + 3 * FP32 * terms.averaged_parameters


def schedule(terms: StepTerms, plan: Plan, accelerator: Accelerator, cluster: Cluster) -> Schedule:
    """Lay out a step: each accumulated pass waits for its own transfers; gradients are summed in the last one.

    Args:
        terms: of the stage and network.
        plan: how it is distributed.
        accelerator: of every GPU.
        cluster: its links.

    Returns:
        What `simulate` runs.
    """
    backward = accelerator.seconds(plan.batch * terms.passes * terms.backward_flops)
    phases = list(_forward(terms, plan, accelerator, cluster))
    for _ in range(plan.accumulate - 1):
        phases += [Phase(compute=backward), *_forward(terms, plan, accelerator, cluster)]
    sums = [
        Sum(ready=bucket.ready, seconds=cluster.all_reduce(bucket.parameters * plan.gradient_number, plan.gpus))
        for bucket in gradient_buckets(terms)
    ]
    update = update_bytes(terms) / accelerator.memory_bandwidth
    last = Phase(compute=update, transfer=_transfers(terms, plan, cluster, "end"))
    return Schedule(phases=phases, backward=backward, sums=sums, last=last)


def step_seconds(made: Schedule) -> float:
    """Return the closed form without jitter.

    A bucket's sum ends at e_i = max(ready_i, e_(i-1)) + seconds_i, so the last one at the largest, over i, of ready_i
    plus the seconds of bucket i and all after it. What lies after the end of the backward pass is exposed.
    """
    from_here = sum(bucket.seconds for bucket in made.sums)
    ends = []
    for bucket in made.sums:
        ends.append(bucket.ready * made.backward + from_here)
        from_here -= bucket.seconds
    exposed = max(0.0, max(ends, default=0.0) - made.backward)
    return made.compute + made.waiting + exposed


def bounds(made: Schedule) -> tuple[float, float]:
    """Return a step's time if sums overlapped with all of the backward pass, and if with nothing."""
    sums = sum(bucket.seconds for bucket in made.sums)
    others = made.compute - made.backward + made.waiting
    return others + max(made.backward, sums), others + made.backward + sums


def efficiency(
    terms: StepTerms, plan: Plan, accelerator: Accelerator, cluster: Cluster, *, jitter: float = 0.0
) -> float:
    """Return the images per second and GPU, as a share of those of one GPU alone with the same images per step.

    Args:
        terms: of the stage and network.
        plan: how it is distributed.
        accelerator: of every GPU.
        cluster: its links.
        jitter: as of `simulate`; with it, the mean of some simulated steps.

    Returns:
        A share; 1 on one GPU.
    """
    alone = step_seconds(schedule(terms, replace(plan, gpus=1, compress=False), accelerator, cluster))
    made = schedule(terms, plan, accelerator, cluster)
    if not jitter:
        return alone / step_seconds(made)
    steps = (simulate(made, plan.gpus, jitter=jitter, seed=seed) for seed in range(SIMULATED))
    return alone / statistics.fmean(steps)


def _forward(terms: StepTerms, plan: Plan, accelerator: Accelerator, cluster: Cluster) -> Iterator[Phase]:
    forward = accelerator.seconds(plan.batch * terms.forward_flops)
    if terms.key_passes:
        yield Phase(compute=0.0, transfer=_transfers(terms, plan, cluster, "keys"))
    everything = (terms.passes + terms.key_passes) * forward
    yield Phase(compute=everything, transfer=_transfers(terms, plan, cluster, "loss"))
    loss = accelerator.seconds(loss_flops(terms, plan))
    yield Phase(compute=loss, transfer=_transfers(terms, plan, cluster, "backward"))


def _transfers(terms: StepTerms, plan: Plan, cluster: Cluster, when: str) -> float:
    return sum(transfer.seconds(cluster) for transfer in transfers(terms, plan) if transfer.when == when)

"""The time of a step: formula and simulation agree, and both have the limits that they must have."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bench.scaling.cluster import Accelerator, Cluster
from bench.scaling.simulate import simulate
from bench.scaling.step_time import bounds, efficiency, loss_flops, schedule, step_seconds
from bench.scaling.terms import StepTerms, read_terms
from bench.scaling.traffic import Plan

GPU, LINKS = Accelerator(), Cluster()
PLAN = Plan(gpus=64, batch=128)
EVERY = pytest.mark.parametrize("terms", read_terms(), ids=lambda terms: f"{terms.stage}-{terms.network}")
NO_WAIT = Cluster(
    node_bandwidth=math.inf,
    network_bandwidth=math.inf,
    node_latency=0,
    network_latency=0,
    message_overhead=0,
    launch=0,
)


@EVERY
@pytest.mark.parametrize(
    "plan",
    [PLAN, replace(PLAN, gpus=512, batch=8), replace(PLAN, compress=True, accumulate=3, norm_gpus=64)],
    ids=["usual", "little work", "all options"],
)
def test_the_closed_form_is_the_simulation_without_jitter(terms: StepTerms, plan: Plan) -> None:
    made = schedule(terms, plan, GPU, LINKS)
    assert step_seconds(made) == pytest.approx(simulate(made, plan.gpus), rel=1e-12)


@EVERY
def test_one_gpu_computes_and_nothing_else(terms: StepTerms) -> None:
    made = schedule(terms, replace(PLAN, gpus=1), GPU, LINKS)
    assert step_seconds(made) == pytest.approx(made.compute)
    assert made.waiting == 0
    assert efficiency(terms, replace(PLAN, gpus=1), GPU, LINKS) == 1


@EVERY
def test_links_without_end_lose_nothing_but_the_larger_loss(terms: StepTerms) -> None:
    plan = PLAN
    found = efficiency(terms, plan, GPU, NO_WAIT)
    one, many = (GPU.seconds(loss_flops(terms, replace(plan, gpus=gpus))) for gpus in (1, 64))
    alone = step_seconds(schedule(terms, replace(plan, gpus=1), GPU, NO_WAIT))
    assert found == pytest.approx(alone / (alone - one + many), rel=1e-9)
    assert terms.stage == "simclr" or found == pytest.approx(1)


@EVERY
def test_a_step_lies_between_full_and_no_overlap(terms: StepTerms) -> None:
    for links in (LINKS, Cluster(network_bandwidth=1e9)):
        made = schedule(terms, PLAN, GPU, links)
        least, most = bounds(made)
        assert least - 1e-12 <= step_seconds(made) <= most + 1e-12


@EVERY
def test_more_gpus_never_help_a_gpu_and_wider_links_never_hurt(terms: StepTerms) -> None:
    by_gpus = [efficiency(terms, replace(PLAN, gpus=gpus), GPU, LINKS) for gpus in (1, 2, 8, 16, 64, 512)]
    assert by_gpus == sorted(by_gpus, reverse=True)
    widths = (1e9, 1e10, 5e10, 1e12)
    by_width = [efficiency(terms, PLAN, GPU, Cluster(network_bandwidth=width)) for width in widths]
    assert by_width == sorted(by_width)


@EVERY
def test_a_faster_gpu_waits_more(terms: StepTerms) -> None:
    shares = [efficiency(terms, PLAN, Accelerator(utilisation=share), LINKS) for share in (0.1, 0.3, 0.5)]
    assert shares == sorted(shares, reverse=True)


def test_passes_share_one_sum_of_gradients() -> None:
    terms = read_terms()[0]
    one, four = (replace(PLAN, accumulate=passes) for passes in (1, 4))
    exposed = []
    for plan in (one, four):
        made = schedule(terms, plan, GPU, LINKS)
        exposed.append(step_seconds(made) - made.compute - made.waiting)
    assert exposed[0] == pytest.approx(exposed[1])
    compute = [schedule(terms, plan, GPU, LINKS).compute for plan in (one, four)]
    update = schedule(terms, one, GPU, LINKS).last.compute
    assert compute[1] - update == pytest.approx(4 * (compute[0] - update))


def test_own_rows_of_the_loss_grow_with_the_gpus_and_the_whole_loss_with_their_square() -> None:
    simclr = next(terms for terms in read_terms() if terms.stage == "simclr")
    whole, own = replace(PLAN, whole_loss=True), PLAN
    assert loss_flops(simclr, replace(whole, gpus=128)) == 4 * loss_flops(simclr, whole)
    assert loss_flops(simclr, replace(own, gpus=128)) == 2 * loss_flops(simclr, own)
    assert loss_flops(simclr, replace(whole, gpus=1)) == loss_flops(simclr, replace(own, gpus=1))

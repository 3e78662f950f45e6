"""Collective operations: the formulae against rings that pass real numbers on, and their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.scaling.cluster import Cluster, all_gather_bytes, all_reduce_bytes, all_to_all_bytes

INSTANT = Cluster(node_latency=0, network_latency=0, message_overhead=0, launch=0, link_share=1)


def ring_all_reduce(data: np.ndarray) -> list[int]:
    """Sum the rows of `data` `[N, S]` in place, in a ring; the bytes that each GPU sent."""
    gpus = len(data)
    chunks = [np.array_split(row, gpus) for row in data]  # views: what is written to them is in `data`
    sent = [0] * gpus
    for step in range(2 * (gpus - 1)):
        summing = step < gpus - 1
        moving = [(gpu, (gpu - step) % gpus) for gpu in range(gpus)]
        packets = [chunks[gpu][which].copy() for gpu, which in moving]
        for (gpu, which), packet in zip(moving, packets, strict=True):
            sent[gpu] += packet.nbytes
            target = chunks[(gpu + 1) % gpus][which]
            target[:] = target + packet if summing else packet
    return sent


@pytest.mark.parametrize("gpus", [2, 3, 8])
def test_a_ring_that_moves_real_chunks_sends_the_bytes_of_the_formula(gpus: int) -> None:
    data = np.random.default_rng(0).standard_normal((gpus, 24 * gpus))
    total = data.sum(axis=0)
    sent = ring_all_reduce(data)
    np.testing.assert_allclose(data, np.broadcast_to(total, data.shape), rtol=1e-12, atol=1e-12)
    assert sent == [all_reduce_bytes(data[0].nbytes, gpus)] * gpus


def test_gather_and_exchange_send_what_others_lack() -> None:
    gpus, own = 5, 40
    holds = np.eye(gpus, dtype=bool)  # which GPU has whose data
    sent = 0
    for step in range(gpus - 1):  # each passes on what came to it last
        for gpu in range(gpus):
            holds[(gpu + 1) % gpus, (gpu - step) % gpus] = True
            sent += own
    assert holds.all()
    assert sent / gpus == all_gather_bytes(own, gpus)
    assert all_to_all_bytes(own, gpus) == own - own / gpus


@pytest.mark.parametrize("operation", ["all_reduce", "all_gather", "all_to_all"])
def test_nothing_is_sent_by_one_gpu_and_more_takes_longer(operation: str) -> None:
    call = getattr(Cluster(), operation)
    assert call(1e9, 1) == 0
    times = [call(size, 64) for size in (0, 1e6, 1e9)]
    assert times == sorted(times)
    assert times[0] > 0  # latency
    times = [call(1e6, gpus) for gpus in (2, 8, 16, 64, 512)]
    assert times == sorted(times)


@pytest.mark.parametrize("operation", ["all_reduce", "all_gather", "all_to_all"])
def test_faster_links_are_never_slower_and_infinite_ones_take_no_time(operation: str) -> None:
    size, gpus = 1e8, 64
    links = [Cluster(network_bandwidth=width, node_bandwidth=9 * width) for width in (1e9, 1e10, 1e11)]
    times = [getattr(link, operation)(size, gpus) for link in links]
    assert times == sorted(times, reverse=True)
    endless = Cluster(
        node_bandwidth=math.inf,
        network_bandwidth=math.inf,
        node_latency=0,
        network_latency=0,
        message_overhead=0,
        launch=0,
    )
    assert getattr(endless, operation)(size, gpus) == 0


def test_large_sums_go_at_the_speed_of_the_narrowest_link() -> None:
    assert INSTANT.all_reduce(450e9, 8) == pytest.approx(2 * 7 / 8)  # NVLink
    assert INSTANT.all_reduce(400e9, 64) == pytest.approx(2 * 63 / 64)  # eight network cards of 50 GB/s


def test_small_sums_over_many_nodes_go_by_a_tree() -> None:
    slow = Cluster(launch=0, node_latency=1.0, network_latency=10.0)
    assert slow.all_reduce(0, 512) == 2 * (7 * 1.0 + 6 * 10.0)  # log2 of 64 nodes
    assert slow.all_gather(0, 512) == (512 - 64) * 1.0 + 64 * 10.0  # a ring has no short cut

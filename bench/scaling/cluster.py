"""The machine that is assumed: GPUs, links, latencies, and the time of a collective operation on them.

Covers: vendors' figures and our assumptions in one record each, which can be changed; ring and tree all-reduce,
all-gather and all-to-all. Does not cover: what a stage sends (`traffic.py`), what overlaps (`simulate.py`).

The latency terms have the form that NCCL's own choice of algorithm uses (its `tuning.cc`): hops within a node and hops
between nodes, each with its latency; a tree has a logarithm of the nodes where a ring has all GPUs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One GPU. Defaults: the data sheet of NVIDIA's H100 SXM.

    Args:
        peak_flops: of bf16 without sparsity, per second.
        utilisation: the share of the peak that a step reaches; assumed, not measured.
        memory: bytes.
        memory_bandwidth: bytes per second.
        reserved: bytes that CUDA, its libraries and NCCL keep for themselves; assumed.
    """

    peak_flops: float = 989e12
    utilisation: float = 0.4
    memory: float = 80e9
    memory_bandwidth: float = 3.35e12
    reserved: float = 3e9

    def seconds(self, flops: float) -> float:
        """Return how long a number of operations takes."""
        return flops / (self.peak_flops * self.utilisation)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Nodes of GPUs. Defaults: the data sheet of NVIDIA's DGX H100, and assumed latencies.

    Args:
        gpus_per_node: with a network card each.
        node_bandwidth: of a GPU within its node, bytes per second in one direction (NVLink: 450 GB/s).
        network_bandwidth: of a GPU's network card, bytes per second in one direction (400 Gb/s).
        link_share: of both bandwidths, what large messages reach; assumed.
        node_latency: of a hop within a node, in seconds; assumed.
        network_latency: of a hop between nodes, in seconds; assumed.
        message_overhead: of each of the messages of an all-to-all, in seconds; assumed.
        launch: of any collective operation, in seconds; assumed.
    """

    gpus_per_node: int = 8
    node_bandwidth: float = 450e9
    network_bandwidth: float = 50e9
    link_share: float = 0.8
    node_latency: float = 3e-6
    network_latency: float = 10e-6
    message_overhead: float = 1e-6
    launch: float = 10e-6

    def nodes(self, gpus: int) -> int:
        """Return how many nodes so many GPUs take; all but the last one are full."""
        return -(-gpus // self.gpus_per_node)

    def ring_bandwidth(self, gpus: int) -> float:
        """Return the bytes per second that a GPU passes on in a ring.

        Between nodes there are as many rings as network cards, each with its share of the data, so that a ring's bytes
        leave a node over all cards.
        """
        per_node = min(gpus, self.gpus_per_node)
        network = per_node * self.network_bandwidth if self.nodes(gpus) > 1 else math.inf
        return min(self.node_bandwidth, network) * self.link_share

    def all_reduce(self, size: float, gpus: int) -> float:
        """Return the seconds of a sum of `size` bytes over all GPUs: of a ring or a tree, whichever is faster."""
        if gpus == 1:
            return 0.0
        nodes = self.nodes(gpus)
        ring = 2 * ((gpus - nodes) * self.node_latency + self._hops(nodes) * self.network_latency)
        per_node = min(gpus, self.gpus_per_node)
        tree = 2 * ((per_node - 1) * self.node_latency + math.log2(nodes) * self.network_latency)
        return self.launch + min(ring, tree) + all_reduce_bytes(size, gpus) / self.ring_bandwidth(gpus)

    def all_gather(self, size: float, gpus: int) -> float:
        """Return the seconds in which every GPU gets the `size` bytes of every other one, in a ring."""
        if gpus == 1:
            return 0.0
        nodes = self.nodes(gpus)
        latency = (gpus - nodes) * self.node_latency + self._hops(nodes) * self.network_latency
        return self.launch + latency + all_gather_bytes(size, gpus) / self.ring_bandwidth(gpus)

    def all_to_all(self, size: float, gpus: int) -> float:
        """Return the seconds in which every GPU spreads its `size` bytes evenly over all; links work side by side."""
        if gpus == 1:
            return 0.0
        near = min(gpus, self.gpus_per_node)
        within = size * (near - 1) / gpus / self.node_bandwidth
        between = size * (gpus - near) / gpus / self.network_bandwidth
        latency = self.network_latency if gpus > near else self.node_latency
        messages = (gpus - 1) * self.message_overhead
        return self.launch + latency + messages + max(within, between) / self.link_share

    @staticmethod
    def _hops(nodes: int) -> int:
        """Return the hops of a ring over so many nodes: none over one."""
        return nodes if nodes > 1 else 0


def all_reduce_bytes(size: float, gpus: int) -> float:
    """Return the bytes that each GPU sends in a ring all-reduce: 2 (N - 1) / N of the data."""
    return 2 * (gpus - 1) / gpus * size


def all_gather_bytes(size: float, gpus: int) -> float:
    """Return the bytes that each GPU sends in a ring all-gather: N - 1 times its own."""
    return (gpus - 1) * size


def all_to_all_bytes(size: float, gpus: int) -> float:
    """Return the bytes that each GPU sends in an all-to-all: all but those for itself."""
    return (gpus - 1) / gpus * size

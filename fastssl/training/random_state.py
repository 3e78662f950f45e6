"""The global random generators: seeded for a run, saved with it, given back to the caller after it.

Covers: what layers such as dropout draw from. Does not cover: weights (drawn from their own seed, `models/encoder.py`)
nor augmentation (a pure function of seed and position, `fastssl.pipelines`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

GPUS = ("cuda", "mps")
"""Kinds of devices that have a generator of their own."""


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the CPU's and the device's generators inside the block; after it they are as they were.

    Args:
        seed: of the run.
        device: of the run.

    Yields:
        Nothing.
    """
    with torch.random.fork_rng(**_forked(device)):
        torch.manual_seed(seed)
        yield


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Copy the states of the global generators.

    Args:
        device: of the run.

    Returns:
        "cpu" and, on a GPU, "cuda" or "mps": uint8 `[n]`, on the CPU.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type in GPUS:
        states[device.type] = torch.get_device_module(device).get_rng_state(device)
    return states


def restore_random_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Set the global generators; a run that moves to another kind of device keeps what it can.

    Args:
        states: as `random_states` returned them.
        device: of the run.
    """
    torch.set_rng_state(states["cpu"])
    if device.type in GPUS and device.type in states:
        torch.get_device_module(device).set_rng_state(states[device.type], device)


def _forked(device: torch.device) -> dict[str, Any]:
    """What `torch.random.fork_rng` is to keep besides the CPU's generator."""
    return {"devices": [device], "device_type": device.type} if device.type in GPUS else {"devices": []}

"""The global random generators: seeded for a run, saved with it, given back to the caller after it.

Covers: what layers such as dropout draw from. Does not cover: weights (drawn from their own seed, `models/encoder.py`)
nor augmentation (a pure function of seed and position, `fastssl.pipelines`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the CPU's and the device's generators inside the block; after it they are as they were.

    Args:
        seed: of the run.
        device: of the run.

    Yields:
        Nothing.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Copy the states of the global generators.

    Args:
        device: of the run.

    Returns:
        "cpu" and, on CUDA, "cuda": uint8 `[n]`, on the CPU.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Set the global generators; a run that moves to another kind of device keeps what it can.

    Args:
        states: as `random_states` returned them.
        device: of the run.
    """
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)

"""That the comparison is fair: both sides start alike, see alike, and lightly's does no work that it need not.

Covers: weights, gradients, the strength of the views, neighbours that end. Does not cover: speed
(`bench/end_to_end/test_peers.py`).
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.peers.neighbour import busy_neighbours
from bench.peers.starting import lightly_strength
from fastssl.data import open_source
from fastssl.pipelines import Loader, TwoCrops
from tests.bench.peers.sides import brightness, check_start, check_strength, contrast, sharpness

pytest.importorskip("lightly", reason="needs lightly: pip install 'lightly>=1.5' torchvision")
from bench.peers.lightly_moco import Training, make_encoders, two_views

SAMPLES = 800


@pytest.mark.parametrize("channels", [1, 3])
def test_both_start_from_the_same_encoder_and_the_same_shape_of_head(channels: int) -> None:
    check_start(*make_encoders(channels)[0], channels)


def test_lightly_trains_the_query_and_moves_the_key_without_gradients() -> None:
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32), dtype=np.uint8)
    training = Training(images, batch_size=8, queue_size=16, strength={}, bf16=False)
    before = [parameter.clone() for parameter in training.key.parameters()]
    bank = training.criterion.memory_bank.bank.clone()
    embedded = training.key(torch.zeros(2, 1, 32, 32))
    for _ in range(2):
        training.step()
    assert not embedded.requires_grad
    assert all(parameter.grad is None for parameter in training.key.parameters())
    assert any(not torch.equal(old, new) for old, new in zip(before, training.key.parameters(), strict=True))
    assert not torch.isclose(bank, training.criterion.memory_bank.bank).all(dim=1).any()


# Hue apart: ours turns it at constant luma, Pillow in HSV, so that equal angles move green and blue differently. In
# colour blur is always on, so that its strength shows in few samples.
@pytest.mark.parametrize(
    "view",
    [
        pytest.param(TwoCrops(28, 1), id="grey"),
        pytest.param(TwoCrops(112, 3, hue=0.0, blur=1.0), id="colour", marks=pytest.mark.slow),
    ],
)
def test_views_are_as_strong_on_both_sides(view: TwoCrops) -> None:
    channels = view.channels
    source = open_source("demo" if channels == 1 else "demo-colour", size=view.size)
    image = source.splits["train"].images[:1]
    ours = Loader(np.repeat(image, SAMPLES, axis=0), view, batch_size=SAMPLES, device="cpu", prefetch=0)
    theirs = two_views(image if channels == 3 else image[..., 0], lightly_strength(view))
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (lightly draws its blur from it)
    sides = next(iter(ours))["query"], torch.stack([theirs[0][0] for _ in range(SAMPLES)])
    check_strength(*sides, (brightness, contrast, sharpness, tint), rel=0.1)


def tint(views: torch.Tensor) -> torch.Tensor:
    """Red over blue as a share of brightness, which alone saturation and greyscale change."""
    return (views[:, 0] - views[:, -1]).mean((1, 2)) / (views.mean((1, 2, 3)) + 1)


def test_neighbours_spin_while_the_block_runs() -> None:
    with busy_neighbours(2) as processes:
        assert [process.poll() for process in processes] == [None, None]
    assert all(process.poll() is not None for process in processes)


def test_neighbours_end_with_a_process_that_is_killed() -> None:
    code = (
        "import time\nfrom bench.peers.neighbour import busy_neighbours\n"
        "with busy_neighbours(1) as (one,):\n    print(one.pid, flush=True)\n    time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    ) as parent:
        assert parent.stdout is not None
        neighbour = int(parent.stdout.readline())
        assert alive(neighbour)
        parent.kill()
    assert ends(neighbour), f"process {neighbour} spins on"


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody has asked about does not."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"


def ends(pid: int, within: float = 30.0) -> bool:
    end = time.monotonic() + within
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)

"""The stage of `examples/custom_stage` on two processes: the loss and the gradients are those of the whole batch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "custom_stage")
IMAGES = 12


def loss_and_gradient(parts: int, part: int | None) -> tuple[float, np.ndarray]:
    """Of this process's part of a batch, with an encoder of weights alone; part None: by rank."""
    from fastssl.distributed.world import world

    if EXAMPLE not in sys.path:
        sys.path.append(EXAMPLE)
    from fastssl_barlow_twins.objective import BarlowTwins

    rank = world().rank if part is None else part
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 5, bias=False, dtype=torch.float64))
    torch.nn.init.orthogonal_(encoder[1].weight, generator=torch.Generator().manual_seed(0))
    stage = BarlowTwins(encoder, 5, embedding_dim=4)
    stage.projector = torch.nn.Identity()
    crops = torch.randn(2, IMAGES, 1, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    query, key = (crop.chunk(parts)[rank] for crop in crops)
    output = stage.loss({"query": query, "key": key})
    output.loss.backward()
    return output.loss.item(), encoder[1].weight.grad.numpy()


def test_two_processes_have_the_loss_of_the_whole_batch_and_the_mean_of_their_gradients_is_its_own(
    ranks: Callable,
) -> None:
    loss, gradient = loss_and_gradient(1, 0)
    results = ranks(2)(loss_and_gradient, 2, None)
    np.testing.assert_allclose([result[0] for result in results], loss, rtol=1e-5)
    np.testing.assert_allclose(np.mean([result[1] for result in results], axis=0), gradient, rtol=1e-4, atol=1e-5)
    assert np.abs(gradient).max() > 1e-2

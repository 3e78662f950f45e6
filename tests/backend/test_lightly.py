"""`fastssl.backend.lightly` against the real lightly: values, gradients, memory banks, views in both directions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastssl import backend
from fastssl.backend.lightly import NTXentLoss, batch_of
from fastssl.data import open_source
from fastssl.pipelines import Loader, TwoCrops

lightly_loss = pytest.importorskip(
    "lightly.loss", reason="lightly is not installed (pip install 'fastssl-engine[adapters]')"
)


def embeddings(count: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(count, width, generator=generator).requires_grad_() for _ in range(2))
    return first, second


def both(
    ours: nn.Module, theirs: nn.Module, count: int, width: int, seed: int = 0
) -> list[tuple[float, Tensor, Tensor]]:
    found = []
    for loss_of in (ours, theirs):
        one, other = embeddings(count, width, seed)
        loss = loss_of(one, other)
        loss.backward()
        found.append((loss.item(), one.grad, other.grad))
    return found


def assert_equal(ours: nn.Module, theirs: nn.Module, count: int, width: int, seed: int = 0) -> None:
    found, expected = both(ours, theirs, count, width, seed)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    for own, other in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.07, 0.5, 3.0])
@pytest.mark.parametrize(("count", "width"), [(2, 8), (33, 128), (64, 256), (16, 300)])
def test_in_a_batch_values_and_gradients_are_lightlys(count: int, width: int, temperature: float) -> None:
    assert_equal(NTXentLoss(temperature), lightly_loss.NTXentLoss(temperature), count, width)


@pytest.mark.parametrize(("rows", "count", "width"), [(64, 16, 32), (50, 16, 32), (10, 16, 32), (32, 32, 300)])
def test_a_memory_bank_gives_the_same_losses_and_holds_the_same_rows_step_by_step(
    rows: int, count: int, width: int
) -> None:
    """Also where batches do not divide it, and where it is shorter than a batch."""
    ours, theirs = NTXentLoss(0.2, (rows, width)), lightly_loss.NTXentLoss(0.2, memory_bank_size=(rows, width))
    ours.memory_bank.bank.copy_(theirs.memory_bank.bank)
    for step in range(9):
        assert_equal(ours, theirs, count, width, seed=step)
        torch.testing.assert_close(ours.memory_bank.bank, theirs.memory_bank.bank)
        assert int(ours.memory_bank.bank_ptr) == int(theirs.memory_bank.bank_ptr)


def test_without_gradients_the_memory_bank_stays_as_it_is() -> None:
    loss = NTXentLoss(0.2, (32, 8))
    before = loss.memory_bank.bank.clone()
    with torch.no_grad():
        loss(*embeddings(16, 8))
    assert torch.equal(loss.memory_bank.bank, before)


def test_the_memory_bank_is_saved_and_a_state_without_one_is_taken() -> None:
    loss, other = NTXentLoss(0.2, (32, 8)), NTXentLoss(0.2, (32, 8))
    loss(*embeddings(16, 8))
    state = loss.state_dict()
    other.load_state_dict(state)
    assert torch.equal(other.memory_bank.bank, loss.memory_bank.bank)
    assert int(other.memory_bank.bank_ptr) == 16
    theirs = lightly_loss.NTXentLoss(0.2, memory_bank_size=(32, 8)).state_dict()
    assert theirs == {}
    other.load_state_dict(theirs)
    assert int(other.memory_bank.bank_ptr) == 16


def test_constructors_take_the_same_arguments() -> None:
    import inspect

    own, other = (inspect.signature(kind).parameters for kind in (NTXentLoss, lightly_loss.NTXentLoss))
    assert [(name, one.default) for name, one in own.items()] == [(name, one.default) for name, one in other.items()]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"temperature": 0.0}, "temperature must be at least 1e-06, got 0"),
        ({"memory_bank_size": 64}, r"memory_bank_size must be 0, or \(rows, length of an embedding\), got 64"),
        ({"memory_bank_size": (64, -1)}, "memory_bank_size must be 0"),
    ],
)
def test_what_cannot_be_used_is_one_line(arguments: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        NTXentLoss(**arguments)


def test_embeddings_that_do_not_fit_are_one_line() -> None:
    with pytest.raises(ValueError, match=r"must both be \[B, D\], got \[4, 8\] and \[5, 8\]"):
        NTXentLoss()(torch.zeros(4, 8), torch.zeros(5, 8))
    with pytest.raises(ValueError, match="embeddings have 9 numbers, those of the memory bank 8"):
        NTXentLoss(0.2, (16, 8))(torch.zeros(4, 9), torch.zeros(4, 9))


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 28, 28, 1), dtype=np.uint8)


def test_our_views_feed_lightlys_modules() -> None:
    from lightly.models.modules import SimCLRProjectionHead

    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 32), nn.ReLU())
    model = nn.Sequential(backbone, SimCLRProjectionHead(32, 32, 16))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = lightly_loss.NTXentLoss(0.5)
    losses = []
    with Loader(open_source("demo").splits["train"].images[:256], TwoCrops(28, 1), batch_size=64) as loader:
        for _ in range(8):
            for batch in loader:
                loss = loss_of(model(batch["query"]), model(batch["key"]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_lightlys_views_feed_our_stages() -> None:
    from lightly.transforms import SimCLRTransform
    from PIL import Image
    from torch.utils.data import DataLoader

    transform = SimCLRTransform(input_size=28, cj_prob=0.0, normalize={"mean": [0.5], "std": [0.5]})
    pictures = [(*transform(Image.fromarray(one[:, :, 0])), number) for number, one in enumerate(images())]
    run = backend.open_run(images(), stage="moco", encoder="test_resnet", batch_size=16, queue_size=32, steps=3)
    step = backend.Step(run.stage, run.optimizer, device="cpu", precision="fp32")
    losses = [float(step(batch_of([one, other], index))["loss"]) for one, other, index in DataLoader(pictures, 16)]
    assert len(losses) == 3
    assert all(0 < loss < 10 for loss in losses)
    assert set(run.stage.queue_ids.tolist()) <= set(range(48)) | {-1}
    assert 0 in run.stage.queue_ids or 47 in run.stage.queue_ids


def test_views_that_are_none_are_one_line() -> None:
    with pytest.raises(ValueError, match="views must be two tensors"):
        batch_of([torch.zeros(2, 1, 4, 4)])

"""`fastssl.backend.lightly` against the real lightly: values, gradients, memory banks, views in both directions."""

from __future__ import annotations

import inspect
from typing import Any

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

CLOSE: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}


def both(*arguments: Any, **settings: Any) -> tuple[Any, Any]:
    """Ours and lightly's, made with the same seed."""
    made = []
    for kind in (NTXentLoss, lightly_loss.NTXentLoss):
        torch.manual_seed(7)
        made.append(kind(*arguments, **settings))
    return made[0], made[1]


def step(loss: Any, seed: int, batch: int, dim: int, *, keys_trained: bool = True) -> tuple[Tensor, Tensor, Any]:
    """The value and the gradients of both outputs, which are not of unit length."""
    generator = torch.Generator().manual_seed(seed)
    out0, out1 = 3 * torch.randn(2, batch, dim, generator=generator)
    out0.requires_grad_()
    out1.requires_grad_(keys_trained)
    value = loss(out0, out1)
    value.backward()
    return value.detach(), out0.grad, out1.grad


@pytest.mark.parametrize("temperature", [0.05, 0.5, 2.0])
@pytest.mark.parametrize(("batch", "dim"), [(1, 8), (2, 3), (17, 128), (64, 256), (9, 300)])
def test_without_a_bank_value_and_gradients_are_lightlys(batch: int, dim: int, temperature: float) -> None:
    ours, theirs = both(temperature)
    torch.testing.assert_close(step(ours, 0, batch, dim), step(theirs, 0, batch, dim), **CLOSE)


@pytest.mark.parametrize("keys_trained", [False, True])
@pytest.mark.parametrize(
    ("rows", "batch", "dim"), [(32, 8, 16), (30, 8, 128), (5, 8, 16), (8, 8, 3), (1, 1, 4), (20, 6, 300)]
)
def test_with_a_bank_steps_and_bank_are_lightlys(rows: int, batch: int, dim: int, keys_trained: bool) -> None:
    ours, theirs = both(0.1, (rows, dim))
    torch.testing.assert_close(ours.memory_bank.bank, theirs.memory_bank.bank, rtol=0, atol=0)
    for number in range(7):
        found = [step(loss, number, batch, dim, keys_trained=keys_trained) for loss in (ours, theirs)]
        torch.testing.assert_close(found[0], found[1], **CLOSE)
        torch.testing.assert_close(ours.memory_bank.bank, theirs.memory_bank.bank, **CLOSE)
        assert ours.memory_bank.bank_ptr.tolist() == theirs.memory_bank.bank_ptr.tolist()


def test_a_last_batch_of_another_size_is_written_as_lightly_writes_it() -> None:
    ours, theirs = both(memory_bank_size=(20, 4))
    for number, batch in enumerate((8, 3, 9, 8, 5, 25, 2)):
        for loss in (ours, theirs):
            step(loss, number, batch, 4)
        torch.testing.assert_close(ours.memory_bank.bank, theirs.memory_bank.bank, **CLOSE)
        assert ours.memory_bank.bank_ptr.tolist() == theirs.memory_bank.bank_ptr.tolist()


@pytest.mark.parametrize("dim", [16, 300])
def test_gathering_where_there_is_one_process_changes_nothing(dim: int) -> None:
    ours, theirs = both(0.2, gather_distributed=True)
    torch.testing.assert_close(step(ours, 0, 6, dim), step(theirs, 0, 6, dim), **CLOSE)


def test_a_step_with_a_bank_compiles_whole_and_counts_on() -> None:
    ours, theirs = both(0.2, (20, 4))
    compiled = torch.compile(ours, backend="eager", fullgraph=True)
    for number in range(4):
        torch.testing.assert_close(step(compiled, number, 8, 4), step(theirs, number, 8, 4), **CLOSE)
    assert ours.memory_bank.bank_ptr.tolist() == theirs.memory_bank.bank_ptr.tolist()


def test_a_loss_without_gradients_leaves_the_bank_as_it_is() -> None:
    ours, theirs = both(memory_bank_size=[16, 4])
    before = ours.memory_bank.bank.clone()
    out0, out1 = torch.randn(2, 4, 4)
    torch.testing.assert_close(ours(out0, out1), theirs(out0, out1), **CLOSE)
    assert torch.equal(ours.memory_bank.bank, before)
    assert ours.memory_bank.bank_ptr.item() == 0


@pytest.mark.parametrize(("size", "dim"), [(0, 4), ((12, 4), 4), (0, 300), ((12, 300), 300)])
def test_double_precision_and_half_precision_give_the_loss_of_lightlys_single(size: Any, dim: int) -> None:
    for dtype, wanted, close in ((torch.float64, torch.float64, 1e-6), (torch.bfloat16, torch.float32, 2e-2)):
        ours, theirs = both(0.2, size)
        out0, out1 = torch.randn(2, 6, dim).to(dtype)
        value = ours(out0, out1)
        assert value.dtype == wanted
        torch.testing.assert_close(value.float(), theirs(out0.float(), out1.float()), rtol=close, atol=close)


def test_the_bank_is_saved_and_a_resumed_loss_goes_on_to_the_bit() -> None:
    went_on, _ = both(memory_bank_size=(30, 8))
    for number in range(3):
        step(went_on, number, 8, 8)
    resumed = NTXentLoss(memory_bank_size=(30, 8))
    resumed.load_state_dict({name: tensor.clone() for name, tensor in went_on.state_dict().items()})
    for number in range(3, 6):
        torch.testing.assert_close(step(resumed, number, 8, 8), step(went_on, number, 8, 8), rtol=0, atol=0)
    assert torch.equal(resumed.memory_bank.bank, went_on.memory_bank.bank)


def test_a_checkpoint_of_lightlys_own_loss_loads_and_leaves_the_bank() -> None:
    ours, theirs = both(memory_bank_size=(30, 8))
    before = ours.memory_bank.bank.clone()
    module = torch.nn.ModuleDict({"criterion": ours})
    module.load_state_dict(torch.nn.ModuleDict({"criterion": theirs}).state_dict(), strict=True)
    assert torch.equal(ours.memory_bank.bank, before)
    assert NTXentLoss().state_dict() == {}  # so that checkpoints with no bank are the same either way


def test_a_bank_moves_to_where_the_embeddings_are() -> None:
    """As lightly's does: loops of its documentation leave the loss on the CPU. Here with the device without memory."""
    ours = NTXentLoss(memory_bank_size=(8, 4))
    out0, out1 = torch.randn(2, 4, 4, device="meta")
    assert ours(out0.requires_grad_(), out1).device.type == "meta"
    assert ours.memory_bank.bank.device.type == ours.memory_bank.bank_ptr.device.type == "meta"


def test_constructors_take_the_same_arguments() -> None:
    own, other = (inspect.signature(kind).parameters for kind in (NTXentLoss, lightly_loss.NTXentLoss))
    assert [(name, one.default) for name, one in own.items()] == [(name, one.default) for name, one in other.items()]


@pytest.mark.parametrize(
    ("settings", "kind", "line"),
    [
        ({"temperature": 0.0}, ValueError, "temperature must be positive, from 1e-06 to 1e[+]06, got 0.0"),
        ({"temperature": "1"}, TypeError, "temperature must be a number"),
        ({"memory_bank_size": 4096}, ValueError, r"must be 0, or \(rows, length of an embedding\), got 4096"),
        ({"memory_bank_size": (4096, -1)}, ValueError, r"got \(4096, -1\)"),
        ({"memory_bank_size": -1}, ValueError, "got -1"),
    ],
)
def test_settings_that_cannot_be_are_said_in_one_line(settings: Any, kind: type[Exception], line: str) -> None:
    with pytest.raises(kind, match=line):
        NTXentLoss(**settings)
    if kind is ValueError:
        with pytest.raises(ValueError, match=r"Illegal|does not specify"):  # lightly refuses them as well
            lightly_loss.NTXentLoss(**settings)


def test_outputs_that_do_not_fit_are_said_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"must both be \[B, D\], got \[4, 8\] and \[3, 8\]"):
        NTXentLoss()(torch.randn(4, 8), torch.randn(3, 8))
    with pytest.raises(ValueError, match="embeddings have 8 numbers, those of the memory bank 4"):
        NTXentLoss(memory_bank_size=(16, 4))(torch.randn(4, 8), torch.randn(4, 8))


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

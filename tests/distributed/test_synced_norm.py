"""Batch norm over several processes: PyTorch's own batch norm of the whole batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from fastssl.distributed.world import on_its_own, world
from fastssl.models.normalization import split_batch_norm
from fastssl.models.synced_norm import average_running_statistics, sync_batch_norm

NORMS: dict[str, Callable[[], nn.Module]] = {
    "2d": lambda: nn.BatchNorm2d(5),
    "1d": lambda: nn.BatchNorm1d(5),
    "timm's": lambda: BatchNormAct2d(5),
    "mean of all batches": lambda: nn.BatchNorm2d(5, momentum=None),
    "no weights": lambda: nn.BatchNorm2d(5, affine=False),
    "no running statistics": lambda: nn.BatchNorm2d(5, track_running_stats=False),
}


def images(name: str, step: int) -> Tensor:
    """Far from zero, where a variance from the sums of squares would have lost its digits."""
    generator = torch.Generator().manual_seed(step)
    shape = (16, 5) if name == "1d" else (16, 5, 3, 4)
    scale = torch.tensor([1.0, 5.0, 0.1, 2.0, 1.0]).view(1, 5, *[1] * (len(shape) - 2))
    return (torch.randn(shape, generator=generator) * scale + 30).requires_grad_()


def weights_of(name: str) -> nn.Module:
    torch.manual_seed(1)
    norm = NORMS[name]()
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    return norm


def normalised(name: str) -> tuple[list, list, list, list]:
    """Output and gradient of the input, gradients of the weights, running statistics, after two steps."""
    here = world()
    norm = sync_batch_norm(weights_of(name))
    norm = norm.double() if here.size == 1 else norm
    for step in range(2):
        whole = images(name, step).to(torch.float64 if here.size == 1 else torch.float32)
        own = whole.detach().chunk(here.size)[here.rank].clone().requires_grad_()
        norm.zero_grad()
        output = norm(own)
        (output * torch.arange(16.0).chunk(here.size)[here.rank].view(-1, *[1] * (own.ndim - 1))).sum().backward()
    kept = [buffer.tolist() for buffer in norm.buffers()]
    return output.tolist(), own.grad.tolist(), [weight.grad.tolist() for weight in norm.parameters()], kept


@pytest.mark.parametrize("name", NORMS)
def test_processes_normalise_as_one_does(ranks: Callable, name: str) -> None:
    expected = normalised(name)
    results = ranks(4)(normalised, name)
    for place in (0, 1):  # output and gradient of each part
        joined = torch.cat([torch.tensor(result[place]) for result in results])
        torch.testing.assert_close(joined, torch.tensor(expected[place]), rtol=2e-3, atol=5e-3)
    for own, whole in zip(zip(*(result[2] for result in results), strict=True), expected[2], strict=True):
        torch.testing.assert_close(torch.tensor(own).sum(0), torch.tensor(whole), rtol=1e-3, atol=1e-2)
    for result in results:
        for own, whole in zip(result[3], expected[3], strict=True):
            torch.testing.assert_close(torch.tensor(own), torch.tensor(whole), rtol=1e-4, atol=1e-5)


def groups(splits: int, how: str) -> tuple[list, list]:
    """Output, and the running variance."""
    here = world()
    with on_its_own() if how == "made alone" else nullcontext():
        norm = split_batch_norm(nn.Sequential(nn.BatchNorm2d(5)), splits)
    run = torch.compile(norm, fullgraph=True, backend="aot_eager") if how == "compiled" else norm
    output = run(images("2d", 0).detach().chunk(here.size)[here.rank])
    return output.tolist(), norm[0].running_var.tolist()


@pytest.mark.parametrize("how", ["eager", "made alone", "compiled"])
@pytest.mark.parametrize("splits", [2, 4, 8])
def test_groups_are_those_of_one_process(ranks: Callable, splits: int, how: str) -> None:
    """Of two processes each, of one, and two to a process."""
    results = ranks(4)(groups, splits, how)
    parts = images("2d", 0).detach().chunk(splits)
    expected = torch.cat([nn.BatchNorm2d(5)(part) for part in parts])
    joined = torch.cat([torch.tensor(output) for output, _ in results])
    torch.testing.assert_close(joined, expected, rtol=1e-3, atol=1e-3)
    own = max(1, splits // 4)
    for rank, (_, variance) in enumerate(results):
        norm = nn.BatchNorm2d(5, momentum=0.1 / own)
        for part in parts[rank * splits // 4 :][:own]:
            norm(part)
        torch.testing.assert_close(torch.tensor(variance), norm.running_var, rtol=1e-3, atol=1e-4)


def refused() -> str:
    with pytest.raises(ValueError, match="3 parts cannot be divided among 4 processes") as caught:
        split_batch_norm(nn.Sequential(nn.BatchNorm2d(5)), 3)
    return str(caught.value)


def test_groups_that_cannot_be_shared_are_refused(ranks: Callable) -> None:
    assert len(set(ranks(4)(refused))) == 1


def averaged() -> list:
    norm = nn.BatchNorm2d(2)
    norm.running_mean.fill_(world().rank)
    norm.num_batches_tracked.fill_(7)
    average_running_statistics(norm)
    return [norm.running_mean.tolist(), norm.running_var.tolist(), int(norm.num_batches_tracked)]


def test_running_statistics_become_the_mean_of_all(ranks: Callable) -> None:
    assert ranks(4)(averaged) == [[[1.5, 1.5], [1.0, 1.0], 7]] * 4

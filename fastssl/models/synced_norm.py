"""Batch normalisation whose statistics are those of the batch of several processes.

Covers: turning a network's batch norms into such ones, on every device; bringing running statistics of processes
together. Does not cover: groups of a batch on one process (`normalization.py`). With NCCL not yet run.

PyTorch's own (`nn.SyncBatchNorm`) refuses tensors on a CPU, where training on several processes is tested.
"""

from __future__ import annotations

from typing import cast

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from fastssl.distributed.collectives import average_, gather_statistics
from fastssl.distributed.world import world


class _SyncedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """`nn.BatchNorm1d` and `nn.BatchNorm2d` over the batches of `ranks` consecutive processes."""

    ranks: int

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch; all processes have as many samples.

        Args:
            x: `[B, C, ...]`.

        Returns:
            Of the same shape and dtype.
        """
        if not self.training:
            return cast(Tensor, super().forward(x))
        values = x.to(torch.promote_types(x.dtype, torch.float32))
        mean, variance = self._statistics(values)
        scale = torch.rsqrt(variance + self.eps)
        scale = scale if self.weight is None else scale * self.weight
        shape = [1, -1] + [1] * (x.ndim - 2)
        output = (values - mean.view(shape)) * scale.view(shape)  # in this order: a mean may be large
        return (output if self.bias is None else output + self.bias.view(shape)).to(x.dtype)

    def _statistics(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance `[C]` over all processes, from those of each (Chan et al., 1979)."""
        dims = [dim for dim in range(values.ndim) if dim != 1]
        own_variance, own_mean = torch.var_mean(values, dim=dims, correction=0)
        gathered = gather_statistics(torch.cat([own_mean, own_variance])[None], self.ranks)
        means, variances = gathered.chunk(2, dim=1)
        mean = means.mean(dim=0)
        variance = variances.mean(dim=0) + (means - mean).square().mean(dim=0)
        self._follow(mean.detach(), variance.detach(), self.ranks * values.numel() // len(mean))
        return mean, variance

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, if there are any; count: values that each of the two is made of."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        pace = self.num_batches_tracked.reciprocal() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), pace)
        unbiased = variance * (count / max(1, count - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), pace)


class SyncedBatchNorm1d(_SyncedBatchNorm, nn.BatchNorm1d):
    """`nn.BatchNorm1d` over the batches of several processes."""


class SyncedBatchNorm2d(_SyncedBatchNorm, nn.BatchNorm2d):
    """`nn.BatchNorm2d` over the batches of several processes."""


class SyncedBatchNormAct2d(_SyncedBatchNorm, BatchNormAct2d):
    """The batch norm of timm, with its dropout and activation, over the batches of several processes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch, then apply dropout and activation.

        Args:
            x: `[B, C, H, W]`.

        Returns:
            `[B, C, H, W]`.
        """
        output = super().forward(x)
        return self.act(self.drop(output)) if self.training else output


_SYNCED_CLASSES: dict[type[nn.Module], type[_SyncedBatchNorm]] = {
    nn.BatchNorm1d: SyncedBatchNorm1d,
    nn.BatchNorm2d: SyncedBatchNorm2d,
    BatchNormAct2d: SyncedBatchNormAct2d,
}


def sync_batch_norm(module: nn.Module, ranks: int) -> nn.Module:
    """Make every plain batch norm of a network take its statistics over several processes, in place.

    Args:
        module: the network; its parameters, buffers and keys stay as they are.
        ranks: consecutive processes that share statistics; divides their number. 1 changes nothing.

    Returns:
        `module`.
    """
    if ranks > 1:
        for part in module.modules():
            if type(part) in _SYNCED_CLASSES:
                part.__class__ = _SYNCED_CLASSES[type(part)]
                cast(_SyncedBatchNorm, part).ranks = ranks
    return module


def average_running_statistics(module: nn.Module) -> None:
    """Give the batch norms of all processes the mean of their running statistics, in place.

    Args:
        module: the network; the same on every process.
    """
    if world().size > 1:
        norms = (part for part in module.modules() if getattr(part, "track_running_stats", False))
        average_([own for norm in norms for own in norm.buffers(recurse=False) if own.is_floating_point()])

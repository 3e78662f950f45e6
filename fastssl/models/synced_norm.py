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

BatchNorm = nn.modules.batchnorm._BatchNorm


def synced_batch_norm(norm: BatchNorm, x: Tensor, ranks: int) -> Tensor:
    """Normalise a batch, in training, by the statistics of several processes' batches, which have as many samples.

    Args:
        norm: whose weights and running statistics are used and moved.
        x: `[B, C, ...]`, this process's batch.
        ranks: consecutive processes that share statistics; divides their number.

    Returns:
        Of the shape and dtype of `x`.
    """
    values = x.to(torch.promote_types(x.dtype, torch.float32))
    mean, variance = _statistics(values, ranks)
    _follow(norm, mean.detach(), variance.detach(), ranks * values.numel() // len(mean))
    scale = torch.rsqrt(variance + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight
    shape = [1, -1] + [1] * (x.ndim - 2)
    output = (values - mean.view(shape)) * scale.view(shape)  # in this order: a mean may be large
    return (output if norm.bias is None else output + norm.bias.view(shape)).to(x.dtype)


def _statistics(values: Tensor, ranks: int) -> tuple[Tensor, Tensor]:
    """Mean and biased variance `[C]` over several processes, from those of each (Chan et al., 1979)."""
    dims = [dim for dim in range(values.ndim) if dim != 1]
    own_variance, own_mean = torch.var_mean(values, dim=dims, correction=0)
    gathered = gather_statistics(torch.cat([own_mean, own_variance])[None], ranks)
    means, variances = gathered.chunk(2, dim=1)
    mean = means.mean(dim=0)
    return mean, variances.mean(dim=0) + (means - mean).square().mean(dim=0)


@torch.no_grad()
def _follow(norm: BatchNorm, mean: Tensor, variance: Tensor, count: int) -> None:
    """Move the running statistics, if there are any; count: values that each of the two is made of."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked.add_(1)
    pace = norm.num_batches_tracked.reciprocal() if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), pace)
    unbiased = variance * (count / max(1, count - 1))
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), pace)


class _SyncedBatchNorm(BatchNorm):
    """`nn.BatchNorm1d` and `nn.BatchNorm2d` over the batches of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch; all processes have as many samples.

        Args:
            x: `[B, C, ...]`.

        Returns:
            Of the same shape and dtype.
        """
        ranks = world().size
        if not self.training or ranks == 1:
            return cast(Tensor, super().forward(x))
        return synced_batch_norm(self, x, ranks)


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
        return self.act(self.drop(output)) if self.training and world().size > 1 else output


_SYNCED_CLASSES: dict[type[nn.Module], type[_SyncedBatchNorm]] = {
    nn.BatchNorm1d: SyncedBatchNorm1d,
    nn.BatchNorm2d: SyncedBatchNorm2d,
    BatchNormAct2d: SyncedBatchNormAct2d,
}


def sync_batch_norm(module: nn.Module) -> nn.Module:
    """Make every plain batch norm of a network take its statistics over all processes, in place; of one, change none.

    Args:
        module: the network; its parameters, buffers and keys stay as they are.

    Returns:
        `module`.
    """
    if world().size > 1:
        for part in module.modules():
            if type(part) in _SYNCED_CLASSES:
                part.__class__ = _SYNCED_CLASSES[type(part)]
    return module


def average_running_statistics(module: nn.Module) -> None:
    """Give the batch norms of all processes the mean of their running statistics, in place.

    Args:
        module: the network; the same on every process.
    """
    if world().size > 1:
        norms = (part for part in module.modules() if getattr(part, "track_running_stats", False))
        average_([own for norm in norms for own in norm.buffers(recurse=False) if own.is_floating_point()])

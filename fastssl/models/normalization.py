"""Split batch normalisation: the effect of many devices' batch norms, on one device.

Covers: turning an encoder's batch norms into split ones, and dealing a batch over the groups.
Does not cover: synchronised batch norm, other norms (layer and group norm see one sample and need no splitting).

MoCo (He et al., CVPR 2020, section 3.3) shuffles the keys over the devices so that query and key never share their
batch statistics, which would leak which sample they came from. With one device, groups of the batch stand for devices.
"""

from __future__ import annotations

from typing import cast

from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from fastssl.kernels import grouped_batch_norm


class SplitBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` over parts of the batch; the same parameters, buffers and keys.

    In training, each of `splits` consecutive parts of the batch is normalised by its own statistics.
    """

    splits: int

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same; B need not be a multiple of `splits`."""
        if not self.training:
            return super().forward(x)
        tracked = self.track_running_stats
        seen = self.num_batches_tracked if tracked else None
        mean, variance = (self.running_mean, self.running_var) if tracked else (None, None)
        output = grouped_batch_norm(
            x, self.splits, mean, variance, self.weight, self.bias, self.momentum, self.eps, seen=seen
        )
        if seen is not None:
            seen.add_(min(self.splits, x.shape[0]))
        return output


class SplitBatchNormAct2d(SplitBatchNorm2d, BatchNormAct2d):
    """timm's batch norm with its dropout and activation, over parts of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same; B need not be a multiple of `splits`."""
        output = super().forward(x)
        return self.act(self.drop(output)) if self.training else output


_SPLIT_CLASSES: dict[type[nn.Module], type[SplitBatchNorm2d]] = {
    nn.BatchNorm2d: SplitBatchNorm2d,
    BatchNormAct2d: SplitBatchNormAct2d,
}


def has_batch_norm(module: nn.Module) -> bool:
    """Whether `split_batch_norm` would change anything."""
    return any(type(part) in _SPLIT_CLASSES for part in module.modules())


def split_batch_norm(module: nn.Module, splits: int) -> nn.Module:
    """Make every batch norm of `module` see `splits` parts of a batch apart, in place; returns `module`.

    Running statistics move once a part, each time by `momentum / splits`, so that they follow the average of the
    parts at the pace they followed the whole batch.
    """
    if splits > 1:
        for part in module.modules():
            if type(part) in _SPLIT_CLASSES:
                part.__class__ = _SPLIT_CLASSES[type(part)]
                norm = cast(SplitBatchNorm2d, part)
                norm.splits = splits
                if norm.momentum is not None:
                    norm.momentum = norm.momentum / splits
    return module


def deal(x: Tensor, splits: int) -> Tensor:
    """Reorder a batch as cards are dealt: sample i goes to group i mod `splits`; `[B, ...]`, B a multiple of `splits`.

    After it, every group holds an equal share of each group before it. A loader's batch is a random draw, so this fixed
    order mixes as a random permutation does, and needs no random number inside the step.
    """
    return x.unflatten(0, (-1, splits)).transpose(0, 1).flatten(0, 1)


def undeal(x: Tensor, splits: int) -> Tensor:
    """The inverse of `deal`."""
    return x.unflatten(0, (splits, -1)).transpose(0, 1).flatten(0, 1)

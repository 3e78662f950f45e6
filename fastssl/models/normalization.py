"""Split batch normalisation: statistics of groups of the batch, however many processes share it.

Covers: turning an encoder's batch norms into split ones, or into ones that share their statistics among processes
(`synced_norm.py`), and dealing a batch over the groups. Does not cover: other norms (layer and group norm use one
sample and need no splitting), nor the computation itself (`fastssl.kernels.grouped_batch_norm`).

MoCo (He et al., CVPR 2020, section 3.3) shuffles the keys over the devices, so that a query and its key do not share
batch statistics, which would tell that they come from one sample. On one device, groups of the batch stand for devices;
on several, each has some of the groups, or some share one, so that the same groups make the same statistics. How many
there are is looked up in every forward pass: other trainers start their processes after a network is made.
"""

from __future__ import annotations

from typing import cast

from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from fastssl.distributed.collectives import deal_rows
from fastssl.distributed.world import world
from fastssl.kernels import grouped_batch_norm
from fastssl.models.synced_norm import synced_batch_norm


class SplitBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` over parts of the batch of all processes, with the same parameters, buffers and keys.

    In training, each of `splits` consecutive parts of the batch is normalised by its own statistics. Instances are made
    from plain batch norms by `split_batch_norm`.
    """

    splits: int
    """Parts of the batch of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch.

        Args:
            x: `[B, C, H, W]`, this process's part of the batch; B need not be a multiple of the parts in it.

        Returns:
            `[B, C, H, W]`.
        """
        if not self.training:
            return super().forward(x)
        own, ranks = _shares(self.splits)
        if ranks > 1:
            return synced_batch_norm(self, x, ranks)
        tracked = self.track_running_stats
        seen = self.num_batches_tracked if tracked else None
        mean, variance = (self.running_mean, self.running_var) if tracked else (None, None)
        pace = None if self.momentum is None else self.momentum / own
        output = grouped_batch_norm(x, own, mean, variance, self.weight, self.bias, pace, self.eps, seen=seen)
        if seen is not None:
            seen.add_(min(own, x.shape[0]))
        return output


class SplitBatchNormAct2d(SplitBatchNorm2d, BatchNormAct2d):
    """The batch norm of timm, with its dropout and activation, over parts of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch, then apply dropout and activation to all of it.

        Args:
            x: `[B, C, H, W]`; B need not be a multiple of `splits`.

        Returns:
            `[B, C, H, W]`.
        """
        output = super().forward(x)
        return self.act(self.drop(output)) if self.training else output


_SPLIT_CLASSES: dict[type[nn.Module], type[SplitBatchNorm2d]] = {
    nn.BatchNorm2d: SplitBatchNorm2d,
    BatchNormAct2d: SplitBatchNormAct2d,
}


def has_batch_norm(module: nn.Module) -> bool:
    """Tell whether a network has a batch norm that `split_batch_norm` would split.

    Args:
        module: the network.

    Returns:
        True if it has one.
    """
    return any(type(part) in _SPLIT_CLASSES for part in module.modules())


def split_batch_norm(module: nn.Module, splits: int) -> nn.Module:
    """Make every batch norm of a network normalise parts of a batch by their own statistics, in place.

    Running statistics are updated once per part, each time by `momentum / splits`, so that they follow the average of
    the parts at the pace at which they followed the whole batch. Where several processes share a batch, each follows
    the average of its own parts.

    Args:
        module: the network; its parameters, buffers and keys stay as they are.
        splits: the number of parts of the batch of all processes; 1 changes nothing.

    Returns:
        `module`.

    Raises:
        ValueError: neither can each process have as many of the parts, nor each part as many of the processes.
    """
    if splits == 1:
        return module
    _shares(splits)
    for part in module.modules():
        if type(part) in _SPLIT_CLASSES:
            part.__class__ = _SPLIT_CLASSES[type(part)]
            cast(SplitBatchNorm2d, part).splits = splits
    return module


def _shares(splits: int) -> tuple[int, int]:
    """How many parts of a batch each process has, and how many processes share one; one of the two is 1."""
    size = world().size
    if splits % size and size % splits:
        raise ValueError(f"{splits} parts cannot be divided among {size} processes")
    return max(1, splits // size), max(1, size // splits)


def deal(x: Tensor, splits: int) -> Tensor:
    """Reorder a batch as cards are dealt: sample i goes to group i mod `splits`.

    Every group then holds an equal share of each group before. A loader's batch is a random draw, so this fixed order
    mixes as a random permutation does, and needs no random number inside the step. Where several processes share a
    batch, samples go from one to another: MoCo's shuffling over devices.

    Args:
        x: `[B, ...]`, this process's part of the batch; its size times the number of processes is a multiple of
            `splits`. No gradient goes from one process to another.
        splits: the number of groups of the batch of all processes.

    Returns:
        `[B, ...]`, this process's part of the groups one after the other.
    """
    if splits > 1 and world().size > 1:
        return deal_rows(x, splits)
    return x.unflatten(0, (-1, splits)).transpose(0, 1).flatten(0, 1)


def undeal(x: Tensor, splits: int) -> Tensor:
    """Undo `deal`.

    Args:
        x: `[B, ...]`, as `deal` returns it; of several processes gathered, by rank.
        splits: the number of groups.

    Returns:
        `[B, ...]` in the order before.
    """
    return x.unflatten(0, (splits, -1)).transpose(0, 1).flatten(0, 1)

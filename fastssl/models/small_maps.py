"""Convolutions over maps of a few pixels, computed as matrix products where that is faster.

Covers: turning a network's convolutions into such ones, in place; parameters and keys stay.
Does not cover: the product, and when it is faster (`fastssl.kernels.small_map_conv2d`).
"""

from __future__ import annotations

from torch import Tensor, nn

from fastssl.kernels import small_map_conv2d


class SmallMapConv2d(nn.Conv2d):
    """`nn.Conv2d` with the same parameters and keys that chooses, by the shape of its input, how it computes."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != "zeros":
            return super()._conv_forward(input, weight, bias)
        return small_map_conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


def use_small_maps(module: nn.Module) -> nn.Module:
    """Make every `nn.Conv2d` of a network a `SmallMapConv2d`, in place.

    Subclasses stay as they are, since they may compute something else.

    Args:
        module: the network; its parameters and keys stay as they are.

    Returns:
        `module`.
    """
    for part in module.modules():
        if type(part) is nn.Conv2d:
            part.__class__ = SmallMapConv2d
    return module

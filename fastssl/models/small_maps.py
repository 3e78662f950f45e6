"""Convolutions of a network that come upon maps of a few pixels: computed as matrix products where that is faster.

Covers: turning a network's convolutions into such ones, in place, keys and all.
Does not cover: the product, and when it is faster (`fastssl.kernels.small_map_conv2d`).
"""

from __future__ import annotations

from torch import Tensor, nn

from fastssl.kernels import small_map_conv2d


class SmallMapConv2d(nn.Conv2d):
    """`nn.Conv2d` with the same parameters and keys; each call chooses by the shape of its input."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != "zeros":
            return super()._conv_forward(input, weight, bias)
        return small_map_conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


def use_small_maps(module: nn.Module) -> nn.Module:
    """Make every `nn.Conv2d` of `module` a `SmallMapConv2d`, in place; returns `module`.

    Subclasses stay as they are: what they do besides is not known here.
    """
    for part in module.modules():
        if type(part) is nn.Conv2d:
            part.__class__ = SmallMapConv2d
    return module

"""Convolutions over maps of a few pixels, computed as matrix products where that is faster.

Covers: turning a network's convolutions into such ones, in place; parameters and keys stay; keeping others away from a
fault of torch on a CPU. Does not cover: the product, and when it is faster (`fastssl.kernels.small_map_conv2d`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fastssl.kernels import small_map_conv2d
from fastssl.kernels.small_map_conv2d.choice import FEWEST_CHANNELS


class SmallMapConv2d(nn.Conv2d):
    """`nn.Conv2d` with the same parameters and keys that chooses, by the shape of its input, how it computes."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != "zeros":
            return super()._conv_forward(input, weight, bias)
        return small_map_conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


def use_small_maps(module: nn.Module) -> nn.Module:
    """Make every `nn.Conv2d` of a network a `SmallMapConv2d`, in place.

    Subclasses stay as they are, since they may compute something else; but those that torch would compute wrongly get
    their input row by row in memory (`fastssl.kernels.small_map_conv2d` on strided 1x1 kernels).

    Args:
        module: the network; its parameters and keys stay as they are.

    Returns:
        `module`.
    """
    for part in module.modules():
        if type(part) is nn.Conv2d:
            part.__class__ = SmallMapConv2d
        elif isinstance(part, nn.Conv2d) and not isinstance(part, SmallMapConv2d) and _may_overrun(part):
            part.weight.data = _by_rows(part.weight.data)
            if _hand_over_by_rows not in part._forward_pre_hooks.values():
                part.register_forward_pre_hook(_hand_over_by_rows)
    return module


def _may_overrun(part: nn.Conv2d) -> bool:
    """Whether torch's backward on a CPU may write outside its memory where the input is channels-last."""
    strided = part.kernel_size == (1, 1) and part.stride != (1, 1) and part.groups == 1
    return strided and part.in_channels < FEWEST_CHANNELS and part.weight.device.type == "cpu"


def _hand_over_by_rows(part: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_by_rows(one) if isinstance(one, Tensor) and one.device.type == "cpu" else one for one in inputs)


def _by_rows(tensor: Tensor) -> Tensor:
    """A copy, since torch takes a tensor with sides of 1 for row-major whatever its strides are."""
    return tensor.clone(memory_format=torch.contiguous_format)

"""Encoders that were trained on images normalised otherwise: the first layer is rescaled to take a run's.

Covers: first convolutions: a scale goes into their weights, an offset into their bias or into the running mean of the
batch norm behind them. Does not cover: first layers of another kind, which are left as they are.

With images p in [0, 1], the weights were trained on (p - m) / s for each channel, and the run has x = (p - m') / s'. So
the first layer's input was (s' x + m' - m) / s, which is linear in x. The result is exact, but for pixels at the border
where the layer pads: there it now sees the run's 0 in place of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from timm.layers import Conv2dSame
from torch import Tensor, nn

from .timm_fit import first_convolutions

BatchNorm = nn.modules.batchnorm._BatchNorm
_PLAIN = (nn.Conv2d, Conv2dSame)
"""Convolutions whose output is linear in their weights as stored; those that standardise them undo any scale."""


@torch.no_grad()
def rescale_inputs(
    encoder: nn.Module,
    size: int,
    *,
    trained: tuple[Sequence[float], Sequence[float]],
    given: tuple[Sequence[float], Sequence[float]],
) -> str:
    """Make an encoder compute from a run's images what it computed from those that it was trained on, in place.

    Args:
        encoder: a timm model with the weights, in eval mode.
        size: side of the images, in pixels.
        trained: mean and standard deviation of each channel by which it was trained.
        given: those by which the run normalises its images.

    Returns:
        What was done, in a few words; "" where both are the same.
    """
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in trained)
    own_mean, own_std = (torch.tensor(values, dtype=torch.float64) for values in given)
    scale, offset = own_std / std, (own_mean - mean) / std
    if torch.allclose(scale, torch.ones_like(scale)) and torch.allclose(offset, torch.zeros_like(offset)):
        return ""
    numbers = f"mean {_listed(mean)}, std {_listed(std)}"
    layers = first_convolutions(encoder)
    norms = _norms_behind(encoder, layers, len(mean), size)
    if not layers or not all(_takes(layer, norms[path], len(mean)) for path, layer in layers.items()):
        return f"the first layer is left as it is, though it was trained on images of {numbers}"
    for path, layer in layers.items():
        _rescale(cast(nn.Conv2d, layer), norms[path], scale, offset)
    return f"the first layer is rescaled, from images of {numbers}"


def _takes(layer: nn.Module, norms: Sequence[BatchNorm], channels: int) -> bool:
    """Whether scale and offset have where to go."""
    if not isinstance(layer, nn.Conv2d) or type(layer) not in _PLAIN:
        return False
    return layer.in_channels == channels and layer.groups == 1 and (layer.bias is not None or bool(norms))


def _rescale(layer: nn.Conv2d, norms: Sequence[BatchNorm], scale: Tensor, offset: Tensor) -> None:
    weight = layer.weight.double()
    moved = (weight * offset[:, None, None]).sum(dim=(1, 2, 3))
    layer.weight.copy_(weight * scale[:, None, None])
    if layer.bias is not None:
        layer.bias.add_(moved)
        return
    for norm in norms:
        cast(Tensor, norm.running_mean).sub_(moved)


def _norms_behind(
    encoder: nn.Module, layers: Mapping[str, nn.Module], channels: int, size: int
) -> dict[str, list[BatchNorm]]:
    """Of each layer, the batch norms with running means that its output goes into as it is."""
    made: dict[str, Tensor] = {}
    found: dict[str, list[BatchNorm]] = {path: [] for path in layers}

    def note(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        for path, output in made.items():
            if inputs[0] is output and isinstance(norm, BatchNorm) and norm.running_mean is not None:
                found[path].append(norm)

    hooks = [
        layer.register_forward_hook(lambda _, __, output, path=path: made.update({path: output}))
        for path, layer in layers.items()
    ]
    hooks += [part.register_forward_pre_hook(note) for part in encoder.modules() if isinstance(part, BatchNorm)]
    try:
        encoder(torch.zeros(1, channels, size, size))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _listed(values: Tensor) -> str:
    """Numbers as text; one where all are equal."""
    numbers = [f"{value:.3g}" for value in values.tolist()]
    return numbers[0] if len(set(numbers)) == 1 else " ".join(numbers)

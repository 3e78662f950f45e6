"""Weights made for other images: other channels, or another grid of patches.

Covers: first convolutions from colour to grey and back, position embeddings and relative position biases of another
grid, each by timm's own rule. Does not cover: which tensors are an encoder's (`weight_match.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .timm_fit import first_convolutions

MOST_POSITIONS = 1 << 20
"""Of a position embedding that is resized."""


class FittedTensors(NamedTuple):
    """Tensors of a file in the shapes of a module, where there is a rule for that.

    Args:
        tensors: by the module's names.
        notes: what was changed, a phrase for each kind.
    """

    tensors: dict[str, Tensor]
    notes: tuple[str, ...]


def fit_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> FittedTensors:
    """Bring tensors of a file to the shapes of a module.

    Args:
        module: a timm model.
        tensors: by the module's names.

    Returns:
        The tensors; those that no rule covers have the shape that they had.
    """
    own = module.state_dict()
    first = {f"{path}.weight" for path in first_convolutions(module)}
    fitted, notes = dict(tensors), []
    for name, value in tensors.items():
        wanted = own[name].shape
        if value.shape == wanted or not value.is_floating_point() or value.ndim != len(wanted):
            continue
        found: Tensor | None = None
        if name in first:
            found, note = _other_channels(value, wanted)
        elif name.endswith("pos_embed"):
            found, note = _other_grid(module, value, wanted)
        elif name.endswith("relative_position_bias_table"):
            found, note = _other_window(module.get_submodule(name.rpartition(".")[0]), value, wanted)
        if found is not None and found.shape == wanted:
            fitted[name] = found
            notes.append(note)
    return FittedTensors(tensors=fitted, notes=tuple(dict.fromkeys(notes)))


def _other_channels(value: Tensor, wanted: torch.Size) -> tuple[Tensor | None, str]:
    """Colour to grey: the sum, which is what three equal channels give; grey to colour: a third of it for each."""
    from timm.models import adapt_input_conv

    theirs, ours = value.shape[1], wanted[1]
    if theirs == 3 * ours:
        return adapt_input_conv(1, value), "the first convolution is summed over the colours, for grey images"
    if ours == 3 * theirs:
        third = value.repeat_interleave(3, dim=1) / 3
        return third, "the first convolution is a third of the grey one for each colour"
    if theirs == 3:
        return adapt_input_conv(ours, value), f"the first convolution's colours are repeated for {ours} channels"
    return None, ""


def _other_grid(module: nn.Module, value: Tensor, wanted: torch.Size) -> tuple[Tensor | None, str]:
    from timm.layers import resample_abs_pos_embed, resample_abs_pos_embed_nhwc

    said = "position embeddings resized from {} to {}"
    if value.shape[-1] != wanted[-1] or value.shape[0] != 1 or math.prod(value.shape[:-1]) > MOST_POSITIONS:
        return None, ""
    if value.ndim == 4:
        found = resample_abs_pos_embed_nhwc(value, list(wanted[1:3]))
        return found, said.format(_grid(value.shape[1:3]), _grid(wanted[1:3]))
    grid = getattr(getattr(module, "patch_embed", None), "grid_size", None)
    if value.ndim != 3 or grid is None:
        return None, ""
    tokens = wanted[1] - math.prod(grid)
    side = math.isqrt(max(value.shape[1] - tokens, 0))
    if tokens < 0 or side == 0 or side**2 + tokens != value.shape[1]:
        return None, ""
    found = resample_abs_pos_embed(value, list(grid), [side, side], num_prefix_tokens=tokens)
    return found, said.format(_grid((side, side)), _grid(grid))


def _other_window(attention: nn.Module, value: Tensor, wanted: torch.Size) -> tuple[Tensor | None, str]:
    from timm.layers import resize_rel_pos_bias_table_simple

    window = getattr(attention, "window_size", None)
    if window is None or value.ndim != 2 or value.shape[1] != wanted[1] or value.shape[0] > MOST_POSITIONS:
        return None, ""
    try:
        found = resize_rel_pos_bias_table_simple(value, new_window_size=tuple(window), new_bias_shape=tuple(wanted))
    except (AssertionError, RuntimeError, ValueError):  # no square number of positions
        return None, ""
    return found, "relative position biases resized"


def _grid(sides: tuple[int, ...] | torch.Size) -> str:
    return "x".join(map(str, sides))

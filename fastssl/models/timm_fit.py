"""How a timm model is made to take images of a size, all of each image.

Covers: the options and the changed attributes of a model whose patches do not divide the image; what timm says of a
model. Does not cover: creating encoders (`encoder.py`), the same as a line of Python (`timm_call.py`), models that lose
pixels all the same (`seen_pixels.py`).

A vision transformer drops what is left over when its patches do not divide the image: 84 of 100 pixels at 28 px with
patches of 16. Such a model gets the next size that they divide, and pads images to it inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import nn

# Least side of the images -> side of a ConvNeXt's patches, in pixels. The map of patches is halved three times, without
# padding, so images under 32 pixels need smaller patches than timm's own of 4.
_CONVNEXT_PATCHES = {32: 4, 24: 3, 0: 1}


@dataclass(frozen=True, kw_only=True)
class Change:
    """An attribute of a timm model's part that is set once it is created.

    Args:
        part: the path of the part, as `get_submodule` takes it.
        attribute: its name.
        value: what it becomes.
    """

    part: str
    attribute: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class TimmFit:
    """What makes a timm model take images of a size.

    Args:
        options: of `timm.create_model`.
        changes: of the model, after that.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    def apply(self, model: nn.Module) -> nn.Module:
        """Make the changes, in place; keys and shapes of the weights stay.

        Args:
            model: created with `options`.

        Returns:
            `model`.
        """
        for change in self.changes:
            setattr(model.get_submodule(change.part), change.attribute, change.value)
        return model


@dataclass(frozen=True, kw_only=True)
class _Patches:
    """The first layer of a model that cuts images into patches.

    Args:
        part: its path.
        side: of a patch, in pixels.
        embedding: it is timm's `PatchEmbed`, which can pad images itself; else a convolution.
    """

    part: str
    side: int
    embedding: bool


def fit_to_size(name: str, size: int) -> TimmFit:
    """Find what makes a model see all of the images of a size.

    Args:
        name: of the timm model.
        size: side of the images, in pixels.

    Returns:
        Options and changes; without changes where the patches divide the image, or the model has none.
    """
    options: dict[str, Any] = {"img_size": size} if _has_fixed_size(name) else {}
    if "convnext" in name and size < max(_CONVNEXT_PATCHES):
        options["patch_size"] = next(patch for side, patch in _CONVNEXT_PATCHES.items() if size >= side)
    patches = _patches_of(name)
    if patches is None:
        return TimmFit(options=options)
    side = options.get("patch_size", patches.side)
    missing = -size % side
    if missing and patches.embedding and "img_size" in options:
        changes = (("strict_img_size", False), ("dynamic_img_pad", True))
        return TimmFit(
            options={**options, "img_size": size + missing},
            changes=tuple(Change(part=patches.part, attribute=name, value=value) for name, value in changes),
        )
    if missing and not patches.embedding and "img_size" not in options:
        padding = -(-missing // 2)
        return TimmFit(
            options=options, changes=(Change(part=patches.part, attribute="padding", value=(padding, padding)),)
        )
    return TimmFit(options=options)


def whole_patches(name: str, size: int) -> int:
    """Return the next side, this one or larger, that a model's patches divide.

    Args:
        name: of the timm model.
        size: side of the images, in pixels.

    Returns:
        Side in pixels; `size` itself where the model has no patches.
    """
    patches = _patches_of(name)
    return size if patches is None else size + -size % patches.side


def first_convolutions(model: nn.Module) -> dict[str, nn.Module]:
    """Find the layers of a timm model that see the image itself.

    Args:
        model: of timm; of any other module there are none.

    Returns:
        Path -> layer, as timm names them.
    """
    named = timm_config(model).get("first_conv") or ()
    parts = dict(model.named_modules())
    return {path: parts[path] for path in ((named,) if isinstance(named, str) else named) if path in parts}


def timm_config(model: nn.Module) -> Mapping[str, Any]:
    """Return what timm says of a model that it made: its architecture, its first layers, its classifier.

    Args:
        model: of timm; of any other module nothing is known.
    """
    config = getattr(model, "pretrained_cfg", None)
    return config if isinstance(config, dict) else {}


def _has_fixed_size(name: str) -> bool:
    import timm

    config = timm.get_pretrained_cfg(name)
    return config is not None and bool(config.fixed_input_size)


@lru_cache(maxsize=256)
def _patches_of(name: str) -> _Patches | None:
    """How a model cuts images into patches; from a model without memory, at timm's own size."""
    import timm
    from timm.layers import PatchEmbed

    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            model = timm.create_model(name, pretrained=False, num_classes=0)
    except Exception:  # what cannot be created is told by creating it
        return None
    for path, layer in first_convolutions(model).items():
        around = model.get_submodule(path.rpartition(".")[0])
        if isinstance(around, PatchEmbed):
            return _Patches(part=path.rpartition(".")[0], side=around.patch_size[0], embedding=True)
        if type(layer) is nn.Conv2d and layer.kernel_size == layer.stride and layer.padding == (0, 0):
            return _Patches(part=path, side=layer.stride[0], embedding=False) if layer.stride[0] > 1 else None
    return None

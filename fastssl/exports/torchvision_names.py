"""timm's models as torchvision has them: names of models, and names of weights.

Covers: ResNet, wide ResNet and ResNeXt, DenseNet, ConvNeXt and ViT, whose computations are the same in both. Does not
cover: building the model (`to_torchvision.py`), which also proves it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

Rename = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class TorchvisionFamily:
    """Models of one kind.

    Attributes:
        first: path of the convolution that sees the image, in torchvision's model.
        timm_first: its path in timm's.
        head: path of what torchvision has behind the features.
        rename: from timm's name of a weight to torchvision's.
        sized: the model is built for one size of images.
    """

    first: str
    timm_first: str
    head: str
    rename: Rename
    sized: bool = False


_OF_CONVNEXT = {
    "conv_dw": "block.0",
    "norm": "block.2",
    "mlp.fc1": "block.3",
    "mlp.fc2": "block.5",
    "gamma": "layer_scale",
}
"""Parts of a block."""


def _of_convnext(name: str) -> str:
    """`stages.1.blocks.0.conv_dw.weight` is `features.3.0.block.0.weight`."""
    name = re.sub(r"^stem\.(\d)", r"features.0.\1", name)
    name = re.sub(r"^head\.norm\.", "classifier.0.", name)
    name = re.sub(r"^stages\.(\d+)\.downsample\.(\d)", lambda m: f"features.{2 * int(m[1])}.{m[2]}", name)
    name = re.sub(r"^stages\.(\d+)\.blocks\.(\d+)\.", lambda m: f"features.{2 * int(m[1]) + 1}.{m[2]}.", name)
    for ours, theirs in _OF_CONVNEXT.items():
        name = re.sub(rf"^(features\.\d*[13579]\.\d+)\.{re.escape(ours)}(?=\.|$)", rf"\1.{theirs}", name)
    return name


_OF_VIT = {
    r"^cls_token$": "class_token",
    r"^pos_embed$": "encoder.pos_embedding",
    r"^patch_embed\.proj\.": "conv_proj.",
    r"^norm\.": "encoder.ln.",
    r"^blocks\.(\d+)\.norm([12])\.": r"encoder.layers.encoder_layer_\1.ln_\2.",
    r"^blocks\.(\d+)\.attn\.qkv\.(\w+)$": r"encoder.layers.encoder_layer_\1.self_attention.in_proj_\2",
    r"^blocks\.(\d+)\.attn\.proj\.": r"encoder.layers.encoder_layer_\1.self_attention.out_proj.",
    r"^blocks\.(\d+)\.mlp\.fc1\.": r"encoder.layers.encoder_layer_\1.mlp.0.",
    r"^blocks\.(\d+)\.mlp\.fc2\.": r"encoder.layers.encoder_layer_\1.mlp.3.",
}


def _of_vit(name: str) -> str:
    for ours, theirs in _OF_VIT.items():
        name = re.sub(ours, theirs, name)
    return name


RESNET = TorchvisionFamily(first="conv1", timm_first="conv1", head="fc", rename=str)
DENSENET = TorchvisionFamily(first="features.conv0", timm_first="features.conv0", head="classifier", rename=str)
CONVNEXT = TorchvisionFamily(first="features.0.0", timm_first="stem.0", head="classifier.2", rename=_of_convnext)
VIT = TorchvisionFamily(first="conv_proj", timm_first="patch_embed.proj", head="heads", rename=_of_vit, sized=True)

_SAME_NAME = {
    **dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"), RESNET),
    **dict.fromkeys(("wide_resnet50_2", "wide_resnet101_2"), RESNET),
    **dict.fromkeys(("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"), RESNET),
    **dict.fromkeys(("densenet121", "densenet161", "densenet169", "densenet201"), DENSENET),
    **dict.fromkeys(("convnext_tiny", "convnext_small", "convnext_base", "convnext_large"), CONVNEXT),
}
_VITS = {
    "vit_base_patch16_224": "vit_b_16",
    "vit_base_patch32_224": "vit_b_32",
    "vit_large_patch16_224": "vit_l_16",
    "vit_large_patch32_224": "vit_l_32",
}
MODELS: Mapping[str, tuple[str, TorchvisionFamily]] = {
    **{name: (name, family) for name, family in _SAME_NAME.items()},
    **{name: (theirs, VIT) for name, theirs in _VITS.items()},
}
"""timm's name of a model, without the tag of its weights -> torchvision's, and its kind."""


def renamed(weights: Mapping[str, Tensor], family: TorchvisionFamily) -> dict[str, Tensor]:
    """Give weights the names and shapes that torchvision has.

    Args:
        weights: by timm's names.
        family: of the model.

    Returns:
        By torchvision's names.
    """
    found = {family.rename(name): value for name, value in weights.items()}
    # torchvision's ConvNeXt keeps the scale of a layer as [C, 1, 1].
    return {name: value.view(-1, 1, 1) if name.endswith("layer_scale") else value for name, value in found.items()}

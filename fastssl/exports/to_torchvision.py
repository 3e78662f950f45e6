"""The format torchvision: weights with torchvision's names, where it has the same model.

Covers: the lines that build the model without its classifier, and with the first layer that the images need; comparing
it. Does not cover: which models are the same (`torchvision_names.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec
from fastssl.models.timm_fit import fit_to_size

from .comparison import compare
from .needed import needed
from .record import Exported
from .subject import ExportSubject
from .torchvision_names import MODELS, TorchvisionFamily, renamed
from .weights import load_lines, load_weights, save_weights


@dataclass(frozen=True, kw_only=True)
class TorchvisionModel:
    """How torchvision builds an encoder.

    Attributes:
        name: of torchvision's model.
        family: its kind.
        options: of its builder.
        convolution: arguments of the first layer, where it is another than torchvision's; None where it is not.
        pooled: it begins with torchvision's max-pool, if its kind does.
    """

    name: str
    family: TorchvisionFamily
    options: dict[str, int]
    convolution: dict[str, object] | None
    pooled: bool

    def build(self) -> nn.Module:
        """Build it with random weights, as `lines` does."""
        import torchvision

        model: nn.Module = torchvision.models.get_model(self.name, weights=None, **self.options)
        model.set_submodule(self.family.head, nn.Identity())
        if self.convolution is not None:
            model.set_submodule(self.family.first, nn.Conv2d(**self.convolution))  # type: ignore[arg-type]
        if not self.pooled:
            model.set_submodule("maxpool", nn.Identity())
        return model

    def lines(self) -> tuple[str, ...]:
        """Write the same as lines of Python."""
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        replaced = {self.family.head: "torch.nn.Identity()"}
        if self.convolution is not None:
            given = ", ".join(f"{name}={value!r}" for name, value in self.convolution.items())
            replaced[self.family.first] = f"torch.nn.Conv2d({given})"
        if not self.pooled:
            replaced["maxpool"] = "torch.nn.Identity()"
        return (
            "import torch, torchvision",
            f"encoder = torchvision.models.get_model({self.name!r}, weights=None{options})",
            *(f"encoder.set_submodule({path!r}, {part})" for path, part in replaced.items()),
        )


def to_torchvision(subject: ExportSubject, path: Path, final: Path) -> Exported:
    """Write the weights by torchvision's names, and compare the model that torchvision makes of them.

    Args:
        subject: the encoder.
        path: of the file to write.
        final: where it will be, for the lines that load it.

    Returns:
        What was written.

    Raises:
        ConfigError: torchvision is not installed, has no such model, or makes another one of it.
        OSError: the file cannot be written.
    """
    how = torchvision_model(subject.encoder, subject.spec)
    torchvision = needed("torchvision", "torchvision")
    save_weights(path, renamed(subject.encoder.state_dict(), how.family))
    model = how.build()
    try:
        model.load_state_dict(load_weights(path), strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError([f"format: torchvision's {how.name} has other weights ({reason}); use timm"]) from None
    images = subject.normalised(subject.images())
    with torch.no_grad():
        difference = compare(subject.features(images), model.eval()(images), "torchvision")
    return Exported(
        input=subject.input_text(normalised=True),
        difference=difference,
        checked_by=(f"torchvision {torchvision.__version__}",),
        load=(*how.lines(), *load_lines("encoder", final)),
    )


def torchvision_model(encoder: nn.Module, spec: EncoderSpec) -> TorchvisionModel:
    """Find how torchvision builds an encoder.

    Args:
        encoder: of timm.
        spec: how it was built.

    Raises:
        ConfigError: torchvision has no such model.
    """
    name = spec.name.partition(".")[0]
    if name not in MODELS:
        others = "resnet, resnext, densenet, convnext or vit of their usual sizes"
        raise ConfigError([f"format: torchvision has no model that computes what {name} does ({others}); use timm"])
    theirs, family = MODELS[name]
    padded = [change for change in fit_to_size(spec.name, spec.size).changes if change.attribute == "dynamic_img_pad"]
    if padded:
        raise ConfigError([f"format: torchvision's {theirs} cannot pad {spec.size} px to whole patches; use timm"])
    first = encoder.get_submodule(family.timm_first)
    own = _arguments(first)
    usual = own == {**own, "in_channels": 3} and spec.stem == "standard"
    return TorchvisionModel(
        name=theirs,
        family=family,
        options={"image_size": spec.size} if family.sized else {},
        convolution=None if usual and not fit_to_size(spec.name, spec.size).options.get("patch_size") else own,
        pooled=spec.stem == "standard",
    )


def _arguments(layer: nn.Module) -> dict[str, object]:
    """The arguments that make a convolution again."""
    if not isinstance(layer, nn.Conv2d):
        raise ConfigError([f"format: the encoder begins with {type(layer).__name__}, not a convolution; use timm"])
    return {
        "in_channels": layer.in_channels,
        "out_channels": layer.out_channels,
        "kernel_size": layer.kernel_size,
        "stride": layer.stride,
        "padding": layer.padding,
        "bias": layer.bias is not None,
    }

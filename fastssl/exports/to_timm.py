"""The format timm: weights with timm's own keys.

Covers: `.safetensors`, which fastssl opens as well, and `.pth` of torch; the line that builds the model. Does not
cover: timm's hub format (`to_hf.py`).
"""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from torch import nn

from fastssl.models.encoder import EncoderSpec
from fastssl.models.encoder_file import save_encoder
from fastssl.models.timm_call import timm_call
from fastssl.models.timm_fit import fit_to_size

from .comparison import compare
from .record import Exported
from .subject import ExportSubject
from .weights import load_lines, load_weights, save_weights


def to_timm(subject: ExportSubject, path: Path, final: Path) -> Exported:
    """Write the weights, and compare the model that timm alone makes of them.

    Args:
        subject: the encoder.
        path: of the file to write; of the ending ".safetensors" or one of torch's.
        final: where it will be, for the lines that load it.

    Returns:
        What was written.

    Raises:
        ConfigError: timm makes another model of it.
        OSError: it cannot be written.
    """
    if path.suffix == ".safetensors":
        save_encoder(path, subject.encoder, subject.spec, subject.steps)
    else:
        save_weights(path, subject.encoder.state_dict())
    model = build_by_timm(subject.spec)
    model.load_state_dict(load_weights(path), strict=True)
    images = subject.normalised(subject.images())
    with torch.no_grad():
        difference = compare(subject.features(images), model.eval()(images), "timm")
    return Exported(
        input=subject.input_text(normalised=True),
        difference=difference,
        checked_by=(f"timm {timm.__version__}",),
        load=("import timm, torch", timm_call(subject.spec), *load_lines("encoder", final)),
    )


def build_by_timm(spec: EncoderSpec) -> nn.Module:
    """Build an encoder by timm's own calls, those of `timm_call`, with random weights.

    Args:
        spec: how it was built.
    """
    fit = fit_to_size(spec.name, spec.size)
    model = fit.apply(timm.create_model(spec.name, in_chans=spec.in_channels, num_classes=0, **fit.options))
    if spec.stem == "small":
        width = model.conv1.out_channels  # type: ignore[union-attr]
        model.conv1 = nn.Conv2d(spec.in_channels, width, 3, padding=1, bias=False)  # type: ignore[arg-type]
        model.maxpool = nn.Identity()
    return model

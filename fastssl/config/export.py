"""Settings of `fastssl export`.

Covers: names, types, ranges. Does not cover: what each format is (`fastssl.exports`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from .base import MODEL, RUN, Config
from .paths import PathSetting

ExportFormat = Literal["timm", "torchvision", "onnx", "torchscript", "hf"]


class ExportConfig(Config):
    """Settings of `fastssl export RUN` and `fastssl.export(run, ...)`."""

    format: Annotated[ExportFormat, Parameter(group=MODEL)] = "timm"
    """What the encoder is written for."""
    normalization: Annotated[bool, Parameter(group=MODEL)] = True
    """Build mean and deviation into onnx and torchscript, which then take images from 0 to 1."""
    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """File, or folder of hf (auto: in RUN/exports)."""
    overwrite: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Replace what is there."""

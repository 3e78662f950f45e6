"""The typed configuration: every setting of every command, one file a command.

Covers: names, types, ranges and meanings; all problems reported at once; the command line and the Python keywords are
both made from these classes. Does not cover: what "auto" becomes (`resolve.py`, `plans/`) nor what a setting does.
"""

from __future__ import annotations

from .base import Config, DataConfig, build, coerce_config, problems, unknown
from .fewshot import FewshotConfig
from .finetune import FinetuneConfig
from .preview import PreviewConfig
from .probe import ProbeConfig
from .segment import SegmentConfig
from .train import TrainConfig, settings_of, stage_of

__all__ = [
    "Config",
    "DataConfig",
    "FewshotConfig",
    "FinetuneConfig",
    "PreviewConfig",
    "ProbeConfig",
    "SegmentConfig",
    "TrainConfig",
    "build",
    "coerce_config",
    "problems",
    "settings_of",
    "stage_of",
    "unknown",
]

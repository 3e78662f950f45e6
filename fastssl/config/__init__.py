"""The typed configuration: what a user may ask of each command, one file per command.

Covers: names, types, ranges and meanings; all problems reported at once; configurations kept as YAML. The command line
and the Python keywords are both made from these classes. Does not cover: settings of one stage alone
(`settings` in the folders of `fastssl.stages`), what "auto" becomes, what a setting does.
"""

from __future__ import annotations

from .advise import AdviseConfig
from .aligned import AlignedConfig
from .base import Config, build, coerce_config, problems, unknown
from .benchmark import BenchmarkConfig
from .data import ComputeConfig, DataConfig, PatientsConfig, ScansConfig, SourceConfig
from .embed import EmbedConfig
from .export import ExportConfig
from .fewshot import FewshotConfig
from .finetune import FinetuneConfig
from .inspect import InspectConfig
from .neighbours import NeighboursConfig
from .pack import PackConfig
from .preview import PreviewConfig
from .probe import ProbeConfig
from .report import ReportConfig
from .segment import SegmentConfig
from .train import TrainConfig

__all__ = [
    "AdviseConfig",
    "AlignedConfig",
    "BenchmarkConfig",
    "ComputeConfig",
    "Config",
    "DataConfig",
    "EmbedConfig",
    "ExportConfig",
    "FewshotConfig",
    "FinetuneConfig",
    "InspectConfig",
    "NeighboursConfig",
    "PackConfig",
    "PatientsConfig",
    "PreviewConfig",
    "ProbeConfig",
    "ReportConfig",
    "ScansConfig",
    "SegmentConfig",
    "SourceConfig",
    "TrainConfig",
    "build",
    "coerce_config",
    "problems",
    "unknown",
]

"""fastssl: self-supervised pre-training on medical images, fast and faithful.

Covers: the names a user calls, loaded on first use, so that `import fastssl` needs neither torch, DALI nor Triton.
Does not cover: any work of its own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Public name -> the module that defines it (PEP 562: imported when first asked for).
_EXPORTS = {
    "train": "fastssl.recipes",
    "TrainConfig": "fastssl.config",
    "TrainResult": "fastssl.training.fit",
    "RecipeResult": "fastssl.recipes",
    "estimate": "fastssl.estimation.command",
    "advise": "fastssl.advice.run",
    "AdviseConfig": "fastssl.config",
    "Advice": "fastssl.advice.report",
    "inspect": "fastssl.inspection.run",
    "InspectConfig": "fastssl.config",
    "Inspection": "fastssl.inspection.inspection",
    "Estimate": "fastssl.estimation.result",
    "AlignedResult": "fastssl.recipes.aligned",
    "probe": "fastssl.evaluation.probe.run",
    "ProbeConfig": "fastssl.config",
    "ProbeResult": "fastssl.evaluation.probe.report",
    "fewshot": "fastssl.evaluation.fewshot.run",
    "FewshotConfig": "fastssl.config",
    "FewshotResult": "fastssl.evaluation.fewshot.report",
    "finetune": "fastssl.evaluation.finetune.run",
    "FinetuneConfig": "fastssl.config",
    "FinetuneResult": "fastssl.evaluation.finetune.report",
    "benchmark": "fastssl.evaluation.medmnist_plus.run",
    "BenchmarkConfig": "fastssl.config",
    "BenchmarkResult": "fastssl.evaluation.medmnist_plus.report",
    "preview": "fastssl.previews.preview",
    "PreviewConfig": "fastssl.config",
    "embed": "fastssl.features.embed",
    "EmbedConfig": "fastssl.config",
    "EmbedResult": "fastssl.features.embed_result",
    "neighbours": "fastssl.features.neighbours",
    "NeighboursConfig": "fastssl.config",
    "NeighboursResult": "fastssl.features.neighbours_result",
    "export": "fastssl.exports.export",
    "ExportConfig": "fastssl.config",
    "ExportResult": "fastssl.exports.result",
    "pack": "fastssl.shards",
    "PackConfig": "fastssl.config",
    "doctor": "fastssl.diagnosis.doctor",
    "Diagnosis": "fastssl.diagnosis.facts",
    "report": "fastssl.reports.report",
    "ReportConfig": "fastssl.config",
    "segment": "fastssl.evaluation.segment.run",
    "SegmentConfig": "fastssl.config",
    "SegmentResult": "fastssl.evaluation.segment.report",
    "open_source": "fastssl.data",
    "write_shards": "fastssl.data.shards",
    "create_encoder": "fastssl.models.encoder",
    "load_encoder": "fastssl.models.encoder_file",
    "share_processors": "fastssl.threads",
    "FastSSLError": "fastssl.errors",
}

__all__ = [
    "Advice",
    "AdviseConfig",
    "AlignedResult",
    "BenchmarkConfig",
    "BenchmarkResult",
    "Diagnosis",
    "EmbedConfig",
    "EmbedResult",
    "Estimate",
    "ExportConfig",
    "ExportResult",
    "FastSSLError",
    "FewshotConfig",
    "FewshotResult",
    "FinetuneConfig",
    "FinetuneResult",
    "InspectConfig",
    "Inspection",
    "NeighboursConfig",
    "NeighboursResult",
    "PackConfig",
    "PreviewConfig",
    "ProbeConfig",
    "ProbeResult",
    "RecipeResult",
    "ReportConfig",
    "SegmentConfig",
    "SegmentResult",
    "TrainConfig",
    "TrainResult",
    "__version__",
    "advise",
    "benchmark",
    "create_encoder",
    "doctor",
    "embed",
    "estimate",
    "export",
    "fewshot",
    "finetune",
    "inspect",
    "load_encoder",
    "neighbours",
    "open_source",
    "pack",
    "preview",
    "probe",
    "report",
    "segment",
    "share_processors",
    "train",
    "write_shards",
]

if TYPE_CHECKING:
    from fastssl.advice.report import Advice
    from fastssl.advice.run import advise
    from fastssl.config import (
        AdviseConfig,
        BenchmarkConfig,
        EmbedConfig,
        ExportConfig,
        FewshotConfig,
        FinetuneConfig,
        InspectConfig,
        NeighboursConfig,
        PackConfig,
        PreviewConfig,
        ProbeConfig,
        ReportConfig,
        SegmentConfig,
        TrainConfig,
    )
    from fastssl.data import open_source
    from fastssl.data.shards import write_shards
    from fastssl.diagnosis.doctor import doctor
    from fastssl.diagnosis.facts import Diagnosis
    from fastssl.errors import FastSSLError
    from fastssl.estimation.command import estimate
    from fastssl.estimation.result import Estimate
    from fastssl.evaluation.fewshot.report import FewshotResult
    from fastssl.evaluation.fewshot.run import fewshot
    from fastssl.evaluation.finetune.report import FinetuneResult
    from fastssl.evaluation.finetune.run import finetune
    from fastssl.evaluation.medmnist_plus.report import BenchmarkResult
    from fastssl.evaluation.medmnist_plus.run import benchmark
    from fastssl.evaluation.probe.report import ProbeResult
    from fastssl.evaluation.probe.run import probe
    from fastssl.evaluation.segment.report import SegmentResult
    from fastssl.evaluation.segment.run import segment
    from fastssl.exports.export import export
    from fastssl.exports.result import ExportResult
    from fastssl.features.embed import embed
    from fastssl.features.embed_result import EmbedResult
    from fastssl.features.neighbours import neighbours
    from fastssl.features.neighbours_result import NeighboursResult
    from fastssl.inspection.inspection import Inspection
    from fastssl.inspection.run import inspect
    from fastssl.models.encoder import create_encoder
    from fastssl.models.encoder_file import load_encoder
    from fastssl.previews.preview import preview
    from fastssl.recipes import RecipeResult, train
    from fastssl.recipes.aligned import AlignedResult
    from fastssl.reports.report import report
    from fastssl.shards import pack
    from fastssl.threads import share_processors
    from fastssl.training.fit import TrainResult


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'fastssl' has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

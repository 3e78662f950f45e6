"""Adapters: fastssl's stages, views and losses inside other trainers.

Covers: the names a user calls, loaded on first use, so that `import fastssl.backend` needs no other library, not even
torch. Does not cover: any work of its own; one module for each library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Public name -> the module that defines it (PEP 562: imported when first asked for).
_EXPORTS = {
    "MonaiSamples": "fastssl.backend.monai",
    "NTXentLoss": "fastssl.backend.lightly",
    "StageModule": "fastssl.backend.lightning",
    "Step": "fastssl.backend.loop_step",
    "ViewsDataModule": "fastssl.backend.lightning_data",
    "dataset_source": "fastssl.backend.huggingface",
    "monai_classifier": "fastssl.backend.monai",
    "monai_source": "fastssl.backend.monai",
    "monai_unet": "fastssl.backend.monai",
    "open_run": "fastssl.backend.run",
    "push_encoder": "fastssl.backend.hub_model",
    "write_dataset": "fastssl.backend.huggingface",
}

__all__ = [
    "MonaiSamples",
    "NTXentLoss",
    "StageModule",
    "Step",
    "ViewsDataModule",
    "dataset_source",
    "monai_classifier",
    "monai_source",
    "monai_unet",
    "open_run",
    "push_encoder",
    "write_dataset",
]

if TYPE_CHECKING:
    from fastssl.backend.hub_model import push_encoder
    from fastssl.backend.huggingface import dataset_source, write_dataset
    from fastssl.backend.lightly import NTXentLoss
    from fastssl.backend.lightning import StageModule
    from fastssl.backend.lightning_data import ViewsDataModule
    from fastssl.backend.loop_step import Step
    from fastssl.backend.monai import MonaiSamples, monai_classifier, monai_source, monai_unet
    from fastssl.backend.run import open_run


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'fastssl.backend' has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

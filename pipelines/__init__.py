"""Augmentation pipelines: images in, the views of a training stage out, on the device; usable in any trainer.

Covers: views (what a stage sees), two executors of the same views (torch, DALI) and the loader.
Does not cover: models, objectives or files. Imports numpy, torch and `fastssl.kernels`; DALI only when its executor is
made.
"""

from __future__ import annotations

from fastssl.pipelines.loader import Loader
from fastssl.pipelines.views import (
    Bezier,
    BlockMask,
    CentrePatch,
    Colorization,
    Jigsaw,
    Mask,
    Masked,
    ModelsGenesis,
    Padded,
    Plain,
    PretextTasks,
    RandomCrop,
    RayMask,
    StripeMask,
    TowerPairs,
    TwoCrops,
    View,
)

__all__ = [
    "Bezier",
    "BlockMask",
    "CentrePatch",
    "Colorization",
    "Jigsaw",
    "Loader",
    "Mask",
    "Masked",
    "ModelsGenesis",
    "Padded",
    "Plain",
    "PretextTasks",
    "RandomCrop",
    "RayMask",
    "StripeMask",
    "TowerPairs",
    "TwoCrops",
    "View",
]

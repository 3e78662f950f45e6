"""What a stage can ask of an image: one frozen dataclass per recipe."""

from __future__ import annotations

from fastssl.pipelines.views.bezier import Bezier
from fastssl.pipelines.views.centre_patch import CentrePatch
from fastssl.pipelines.views.colorization import Colorization
from fastssl.pipelines.views.jigsaw import Jigsaw
from fastssl.pipelines.views.masked import Masked
from fastssl.pipelines.views.masks import BlockMask, Mask, StripeMask
from fastssl.pipelines.views.models_genesis import ModelsGenesis
from fastssl.pipelines.views.padded import Padded
from fastssl.pipelines.views.plain import Plain
from fastssl.pipelines.views.pretext_tasks import PretextTasks
from fastssl.pipelines.views.random_crop import RandomCrop
from fastssl.pipelines.views.ray_mask import RayMask
from fastssl.pipelines.views.tower_pairs import TowerPairs
from fastssl.pipelines.views.two_crops import TwoCrops
from fastssl.pipelines.views.view import View

__all__ = [
    "Bezier",
    "BlockMask",
    "CentrePatch",
    "Colorization",
    "Jigsaw",
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

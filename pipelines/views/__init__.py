"""What a stage can ask of an image: one frozen dataclass per recipe."""

from __future__ import annotations

from fastssl.pipelines.views.centre_patch import CentrePatch
from fastssl.pipelines.views.colorization import Colorization
from fastssl.pipelines.views.jigsaw import Jigsaw
from fastssl.pipelines.views.plain import Plain
from fastssl.pipelines.views.two_crops import TwoCrops
from fastssl.pipelines.views.view import View

__all__ = ["CentrePatch", "Colorization", "Jigsaw", "Plain", "TwoCrops", "View"]

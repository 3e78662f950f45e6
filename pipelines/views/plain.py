"""The view of evaluation: resize and normalise, nothing random.

Covers: one picture per image, the same every time. Does not cover: augmentation (`two_crops.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from fastssl.pipelines.ops import geometry, torch_ops
from fastssl.pipelines.views.view import Parameters, View

if TYPE_CHECKING:
    from nvidia.dali.data_node import DataNode

    from fastssl.pipelines.ops.dali_ops import DaliOps


@dataclass(frozen=True)
class Plain(View):
    """The whole image at the view's size. Yields {"image": `[B, C, S, S]`}."""

    def draw(self, seed: int, epoch: int, indices: np.ndarray, shape: tuple[int, int]) -> Parameters:
        """Boxes that span the image; no number is random."""
        start, stop = geometry.whole_images(len(indices), shape)
        return {"start": start, "stop": stop}

    def render_torch(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        pixels = torch_ops.levels(images)
        if images.shape[1:3] == (self.size, self.size):
            return {"image": torch_ops.normalise(pixels.permute(0, 3, 1, 2), self.mean, self.std)}
        resized = torch_ops.resize(pixels, parameters["start"], parameters["stop"], self.size)
        return {"image": torch_ops.normalise(resized, self.mean, self.std).transpose(2, 3)}

    def render_dali(self, ops: DaliOps, images: DataNode, parameters: Mapping[str, DataNode]) -> dict[str, DataNode]:
        resized = ops.resize(images, parameters["start"], parameters["stop"], self.size)
        return {"image": ops.normalise(resized, self.mean, self.std)}

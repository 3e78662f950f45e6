"""The view of evaluation: resize and normalise, nothing random.

Covers: one output per image, the same every time. Does not cover: augmentation (`two_crops.py`).
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
    """Resize the whole image and normalise it: nothing is random.

    A batch holds "image" `[B, C, S, S]`.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    def draw(self, seed: int, epoch: int, indices: np.ndarray, shape: tuple[int, int]) -> Parameters:
        """Return boxes that span the image; see `View.draw`."""
        start, stop = geometry.whole_images(len(indices), shape)
        return {"start": start, "stop": stop}

    def render_torch(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Resize and normalise; see `View.render_torch`."""
        pixels = torch_ops.levels(images)
        if images.shape[1:3] == (self.size, self.size):
            return {"image": torch_ops.normalise(pixels.permute(0, 3, 1, 2), self.mean, self.std)}
        resized = torch_ops.resize(pixels, parameters["start"], parameters["stop"], self.size)
        return {"image": torch_ops.normalise(resized, self.mean, self.std).transpose(2, 3)}

    def render_dali(self, ops: DaliOps, images: DataNode, parameters: Mapping[str, DataNode]) -> dict[str, DataNode]:
        """Describe resizing and normalising; see `View.render_dali`."""
        resized = ops.resize(images, parameters["start"], parameters["stop"], self.size)
        return {"image": ops.normalise(resized, self.mean, self.std)}

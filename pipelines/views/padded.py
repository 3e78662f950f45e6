"""A view of evaluation that keeps pixels as they are: normalise, then surround with zeros up to the size.

Covers: images no larger than the output, in its middle. Does not cover: resizing (`plain.py`), augmentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from fastssl.pipelines.ops import torch_ops
from fastssl.pipelines.views.view import Parameters, View

if TYPE_CHECKING:
    from nvidia.dali.data_node import DataNode

    from fastssl.pipelines.ops.dali_ops import DaliOps


@dataclass(frozen=True)
class Padded(View):
    """Normalise the whole image and surround it with zeros: nothing is random, and nothing is resized.

    A batch holds "image" `[B, C, S, S]`. The border is 0 after normalising, which is the mean and not black. An odd
    pixel of it goes to the right and to the bottom. So images are prepared in Doerrich et al., Scientific Reports
    2025 (MedMNIST+).

    Args:
        size: side of the square output, in pixels; no image is wider or higher.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    def draw(self, seed: int, epoch: int, indices: np.ndarray, shape: tuple[int, int]) -> Parameters:
        """Return nothing, since nothing is drawn; see `View.draw`.

        Raises:
            ValueError: the images are larger than the output.
        """
        if max(shape) > self.size:
            raise ValueError(f"images of {shape[0]}x{shape[1]} pixels do not fit into {self.size}x{self.size}")
        return {}

    def finish(self, rendered: dict[str, Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Surround with zeros; see `View.finish`."""
        height, width = rendered["image"].shape[2:]
        missing_rows, missing_columns = self.size - height, self.size - width
        top, left = missing_rows // 2, missing_columns // 2
        return {"image": F.pad(rendered["image"], (left, missing_columns - left, top, missing_rows - top))}

    def render_torch(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Normalise; see `View.render_torch`."""
        return {"image": torch_ops.normalise(torch_ops.levels(images).permute(0, 3, 1, 2), self.mean, self.std)}

    def render_dali(self, ops: DaliOps, images: DataNode, parameters: Mapping[str, DataNode]) -> dict[str, DataNode]:
        """Describe normalising; see `View.render_dali`."""
        return {"image": ops.normalise(images, self.mean, self.std)}

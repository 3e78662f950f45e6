"""Restoring intensities: the image through a random monotone curve in, the image itself as the target.

Covers: Models Genesis' random cubic Bezier curves (Zhou et al., Medical Image Analysis 67, 2021) and the three fixed
curves, rising and falling, of TOWER (Neural Networks 167, 2023). Does not cover: masks (`masked.py`, `tower_pairs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.ops.curves import BYTE_ENTRIES, DEEP_ENTRIES, bezier_tables
from fastssl.pipelines.random import uniform
from fastssl.pipelines.views.cropped import TASK_STREAM, Cropped
from fastssl.pipelines.views.view import Parameters

# Inner control points (x1, y1), (x2, y2) of TOWER's curves: the identity, which must be first, a strong and a weak S.
TOWER_CURVES = np.array([[[0, 0], [1, 1]], [[0, 1], [1, 0]], [[0.25, 0.75], [0.75, 0.25]]], dtype=np.float32)


@dataclass(frozen=True)
class Bezier(Cropped):
    """Send intensities through a random monotone curve, for a network to restore them.

    A batch holds "image", through the curve, and "target", the image itself, both `[B, C, S, S]`; all channels share
    one curve. Zhou et al., "Models Genesis", Medical Image Analysis 67, 2021; TOWER, Neural Networks 167, 2023.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area; (1, 1) takes the whole image.
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.
        curves: "random" control points (Models Genesis), or one of "tower"'s three curves.
        probability: that there is a curve at all.
        falling: probability that a curve falls, turning dark to bright.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    curves: Literal["random", "tower"] = "random"
    probability: float = 0.9
    falling: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.curves not in ("random", "tower"):
            raise ValueError(f"curves must be 'random' or 'tower', got {self.curves!r}")
        for name in ("probability", "falling"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability, got {getattr(self, name)}")

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        """Draw curves; see `Cropped.draw_task`.

        Returns:
            `falls`, bool `[B]`; `control`, float32 `[B, 2, 2]`, the two inner control points, each (x, y) in [0, 1];
            with TOWER's curves also `curve`, int64 `[B]`, which of them.
        """
        u = uniform(seed, epoch, indices, TASK_STREAM, 6)
        curved = u[:, 0] < self.probability
        falls = curved & (u[:, 1] < self.falling)
        if self.curves == "tower":
            curve = np.where(curved, (u[:, 2] * len(TOWER_CURVES)).astype(np.int64), 0)
            return {"falls": falls, "control": TOWER_CURVES[curve], "curve": curve}
        control = u[:, 2:].reshape(-1, 2, 2).astype(np.float32)
        return {"falls": falls, "control": np.where(curved[:, None, None], control, TOWER_CURVES[0])}

    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Apply the curves; see `Cropped.perform`."""
        image = self.transformed(crop, tables=self.tables(crop, parameters))
        return {"image": image, "target": self.transformed(crop)}

    def tables(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Solve each image's curve.

        Args:
            crop: as `perform` is given it: its dtype says how fine a table is needed.
            parameters: `draw_task`'s, on the crop's device.

        Returns:
            Float32 `[B, entries]`: the grey level in [0, 255] that each level becomes, 256 entries for uint8, 1276
            otherwise.
        """
        entries = BYTE_ENTRIES if crop.dtype == torch.uint8 else DEEP_ENTRIES
        falls, control = parameters["falls"], parameters["control"]
        if self.curves == "tower":
            return _tower_tables(entries, crop.device)[falls.long(), parameters["curve"]]
        return bezier_tables(control[..., 0], control[..., 1], falls, entries)


@lru_cache(maxsize=8)
def _tower_tables(entries: int, device: torch.device) -> Tensor:
    """The six curves, `[falls, curve, entries]`, on the device: solved once, not once an image."""
    control = torch.from_numpy(TOWER_CURVES)
    solved = [
        bezier_tables(control[..., 0], control[..., 1], torch.full((len(control),), falls), entries)
        for falls in (False, True)
    ]
    return torch.stack(solved).to(device)

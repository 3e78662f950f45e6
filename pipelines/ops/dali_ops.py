"""The DALI operations of the views: the same rendering as `torch_ops.py`, as nodes of a graph for CPU or GPU.

Covers: resize, warp, recolour, blur, normalise on HWC samples. Importing this file imports DALI.
Does not cover: building or running pipelines (`fastssl.pipelines.executors.dali_executor`).

uint8 images stay uint8 between operations, which rounds after each; the torch executor rounds nowhere. The two differ
by at most 3 grey levels. `color_twist`, `hsv`, `hue` and `saturation` are never used: see `colour.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from nvidia.dali import fn
from nvidia.dali import math as dali_math
from nvidia.dali.data_node import DataNode
from nvidia.dali.types import DALIDataType, DALIInterpType


@dataclass(frozen=True)
class DaliOps:
    """Offer the operations, for one kind of input.

    Args:
        deep: samples are float32 grey levels in [0, 255] (from uint16 images); otherwise uint8.
    """

    deep: bool

    def resize(self, images: DataNode, start: DataNode, stop: DataNode, size: int) -> DataNode:
        """Crop a box and resize it: linear, antialiased where it shrinks; a box from stop to start is mirrored."""
        resized = fn.resize(
            images,
            size=[size, size],
            roi_start=start,
            roi_end=stop,
            interp_type=DALIInterpType.INTERP_LINEAR,
            antialias=True,
            dtype=self._dtype,
        )
        return cast(DataNode, resized)  # one output, since no attributes are saved

    def warp(self, images: DataNode, matrix: DataNode, size: int) -> DataNode:
        """Sample at affinely mapped positions (output to source); without a fill value DALI replicates the border."""
        return fn.warp_affine(images, matrix=matrix, size=[size, size], interp_type=DALIInterpType.INTERP_LINEAR)

    def recolour(self, images: DataNode, matrix: DataNode, offset: DataNode) -> DataNode:
        """Apply an affine map across channels and clamp to [0, 255]; to DALI a pixel's channels are a coordinate."""
        mapped = fn.coord_transform(images, M=matrix, T=offset, dtype=self._dtype)
        return dali_math.clamp(mapped, 0.0, 255.0) if self.deep else mapped

    def blur(self, images: DataNode, sigma: DataNode) -> DataNode:
        """Gaussian blur, the kernel ending at ceil(3 sigma); borders mirror without repeating the outermost pixel."""
        return fn.gaussian_blur(images, sigma=sigma)

    def normalise(self, images: DataNode, mean: tuple[float, ...], std: tuple[float, ...]) -> DataNode:
        """(level / 255 - mean) / std as float32 HWC."""
        return fn.crop_mirror_normalize(
            images,
            mean=[255.0 * value for value in mean],
            std=[255.0 * value for value in std],
            dtype=DALIDataType.FLOAT,
            output_layout="HWC",
        )

    @property
    def _dtype(self) -> DALIDataType:
        return DALIDataType.FLOAT if self.deep else DALIDataType.UINT8

"""One randomly cropped picture per image, on which a pretext task then works.

Covers: the crop and flip of every pretext view, by either executor, down to whole grey levels; the task itself is a
subclass's `draw_task` and `perform`, written once in torch for both executors and any device.
Does not cover: colour jitter and blur (`two_crops.py`): they would change what a task is to restore.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.ops import geometry, torch_ops
from fastssl.pipelines.ops.transform import transform
from fastssl.pipelines.random import uniform
from fastssl.pipelines.views.view import Parameters, View

if TYPE_CHECKING:
    from nvidia.dali.data_node import DataNode

    from fastssl.pipelines.ops.dali_ops import DaliOps

CROP_STREAM, TASK_STREAM, MASK_STREAM, PIXEL_STREAM = 0, 1, 2, 3


@dataclass(frozen=True)
class Cropped(View):
    """A crop, resized and flipped. scale: range of its share of the image area; (1, 1) takes the whole image.

    ratio: range of its width / height. horizontal_flip, vertical_flip: probabilities.
    """

    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    horizontal_flip: float = 0.5
    vertical_flip: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        geometry.check_crop(self.scale, self.ratio)
        for name in ("horizontal_flip", "vertical_flip"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability, got {getattr(self, name)}")

    def draw_task(self, seed: int, epoch: int, indices: np.ndarray) -> Parameters:
        """The task's own parameters, one row per sample; none unless overridden."""
        return {}

    @abstractmethod
    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The task. crop: `[B, C, S, S]` channels-last, uint8, or float32 grey levels in [0, 255] of uint16 images."""

    def draw(self, seed: int, epoch: int, indices: np.ndarray, shape: tuple[int, int]) -> Parameters:
        u = uniform(seed, epoch, indices, CROP_STREAM, geometry.CROP_SLOTS + 2)
        if self.scale == (1.0, 1.0):
            start, stop = geometry.whole_images(len(indices), shape)
        else:
            start, stop = geometry.draw_boxes(u[:, : geometry.CROP_SLOTS], shape, self.scale, self.ratio)
        flips = u[:, geometry.CROP_SLOTS :] < (self.vertical_flip, self.horizontal_flip)
        start, stop = geometry.flip_boxes(start, stop, flips)
        return {"start": start, "stop": stop, **self.draw_task(seed, epoch, indices)}

    def render_torch(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.scale == (1.0, 1.0) and images.shape[1:3] == (self.size, self.size):
            return {"crop": self._mirrored(images, parameters["start"] > parameters["stop"])}
        crop = torch_ops.resize(torch_ops.levels(images), parameters["start"], parameters["stop"], self.size)
        # Laid out here once; each of a task's two or three pictures would else be transposed as it is copied out.
        crop = crop.transpose(2, 3).contiguous(memory_format=torch.channels_last)
        return {"crop": crop.round_().to(torch.uint8) if images.dtype == torch.uint8 else crop}

    def _mirrored(self, images: Tensor, flips: Tensor) -> Tensor:
        """The images themselves as crops, which a resize to their own size would take most of a view's time to give."""
        own = images if images.dtype == torch.uint8 else torch_ops.levels(images)
        for axis, probability in enumerate((self.vertical_flip, self.horizontal_flip)):
            if probability:
                own = torch.where(flips[:, axis, None, None, None], own.flip(1 + axis), own)
        return own.permute(0, 3, 1, 2)

    def dali_parameters(self, parameters: Parameters) -> Parameters:
        return {name: parameters[name] for name in ("start", "stop")}

    def render_dali(self, ops: DaliOps, images: DataNode, parameters: Mapping[str, DataNode]) -> dict[str, DataNode]:
        return {"crop": ops.resize(images, parameters["start"], parameters["stop"], self.size)}

    def finish(self, rendered: dict[str, Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.perform(rendered["crop"], parameters)

    def transformed(
        self,
        crop: Tensor,
        *,
        orders: Tensor | None = None,
        tables: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """The crop as a network's input, float32: tiles in other orders, through curves, normalised, masked."""
        return transform(crop, self.mean, self.std, orders=orders, tables=tables, mask=mask)

    def normalised(self, levels: Tensor) -> Tensor:
        """(level / 255 - mean) / std of `[B, C, S, S]` grey levels, as float32."""
        return torch_ops.normalise(levels, self.mean, self.std)

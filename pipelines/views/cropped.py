"""One random crop per image, on which a pretext task then works.

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
    """Crop a random box, resize and flip it, and hand it to a pretext task.

    The task is a subclass's `draw_task` and `perform`.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area; (1, 1) takes the whole image.
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.

    Raises:
        ValueError: a setting lies outside what is stated above.
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
        """Draw the task's own parameters, one row per sample; none unless overridden.

        Args:
            seed: of all random numbers.
            epoch: counted from 0.
            indices: int64 `[B]`, which samples of the data set.

        Returns:
            Arrays by name, whose first axis is B.
        """
        return {}

    @abstractmethod
    def perform(self, crop: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Make the task's tensors from the crop.

        Args:
            crop: `[B, C, S, S]` channels-last: uint8, or float32 grey levels in [0, 255] of uint16 images.
            parameters: as `draw` returned them, on the crop's device.

        Returns:
            The batch's tensors by name.
        """

    def draw(self, seed: int, epoch: int, indices: np.ndarray, shape: tuple[int, int]) -> Parameters:
        """Draw boxes and flips, and the task's parameters; see `View.draw`."""
        u = uniform(seed, epoch, indices, CROP_STREAM, geometry.CROP_SLOTS + 2)
        if self.scale == (1.0, 1.0):
            start, stop = geometry.whole_images(len(indices), shape)
        else:
            start, stop = geometry.draw_boxes(u[:, : geometry.CROP_SLOTS], shape, self.scale, self.ratio)
        flips = u[:, geometry.CROP_SLOTS :] < (self.vertical_flip, self.horizontal_flip)
        start, stop = geometry.flip_boxes(start, stop, flips)
        return {"start": start, "stop": stop, **self.draw_task(seed, epoch, indices)}

    def render_torch(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Render the crop in whole grey levels; see `View.render_torch`."""
        if self.scale == (1.0, 1.0) and images.shape[1:3] == (self.size, self.size):
            return {"crop": self._mirrored(images, parameters["start"] > parameters["stop"])}
        crop = torch_ops.resize(torch_ops.levels(images), parameters["start"], parameters["stop"], self.size)
        # Laid out here once; each of a task's two or three images would else be transposed as it is copied out.
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
        """Select the boxes; see `View.dali_parameters`."""
        return {name: parameters[name] for name in ("start", "stop")}

    def render_dali(self, ops: DaliOps, images: DataNode, parameters: Mapping[str, DataNode]) -> dict[str, DataNode]:
        """Describe the crop; see `View.render_dali`."""
        return {"crop": ops.resize(images, parameters["start"], parameters["stop"], self.size)}

    def finish(self, rendered: dict[str, Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Perform the task on the crop; see `View.finish`."""
        return self.perform(rendered["crop"], parameters)

    def transformed(
        self,
        crop: Tensor,
        *,
        orders: Tensor | None = None,
        tables: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Turn the crop into a network's input: tiles moved, through curves, normalised, masked, in this order.

        Args:
            crop: as `perform` is given it.
            orders: int64 `[B, G * G]`: tile i of the result is the crop's tile orders[b, i], counted row by row.
            tables: float32 `[B, entries]`, the grey level in [0, 255] that each level becomes.
            mask: uint8 `[B, 1, S, S]`, 1 where the result is 0.

        Returns:
            `[B, C, S, S]`, floating point.
        """
        return transform(crop, self.mean, self.std, orders=orders, tables=tables, mask=mask)

    def normalised(self, levels: Tensor) -> Tensor:
        """Compute (level / 255 - mean) / std.

        Args:
            levels: `[B, C, S, S]` grey levels in [0, 255]; C is the view's or 1.

        Returns:
            `[B, C, S, S]`, float32, C the view's.
        """
        return torch_ops.normalise(levels, self.mean, self.std)

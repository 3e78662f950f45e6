"""What a view is: a recipe that turns one image into the tensors that a stage trains on.

Covers: the contract between views, executors and the loader. The way of the data is
`draw` (seed, epoch, sample -> parameter arrays) -> `render_torch` or `render_dali` (images, parameters -> tensors)
-> `finish` (what both executors share): all randomness lies in the arrays, so that both render the same picture.
A new view is one new file.
Does not cover: any particular view, nor batching, devices or prefetching.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from nvidia.dali.data_node import DataNode

    from fastssl.pipelines.ops.dali_ops import DaliOps

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class View(ABC):
    """One recipe. Frozen, hashable and comparable, so that it can be written down with the run.

    size: side of the square output, in pixels. channels: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
    mean, std: per channel, on the scale where the darkest pixel is 0 and the brightest 1; outputs are (x - mean) / std.
    An empty tuple means 0.5 for every channel, which maps images to [-1, 1].
    """

    size: int
    channels: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1 pixel, got {self.size}")
        if self.channels not in (1, 3, 4):
            raise ValueError(f"channels must be 1, 3 or 4, got {self.channels}")
        for name in ("mean", "std"):
            values = getattr(self, name) or (0.5,) * self.channels
            if len(values) != self.channels:
                raise ValueError(f"{name} needs one number per channel ({self.channels}), got {len(values)}")
            object.__setattr__(self, name, tuple(float(value) for value in values))
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0, got {self.std}")

    @property
    def parts(self) -> tuple[View, ...]:
        """The views of which one makes each batch: itself alone unless overridden. Each has an executor of its own."""
        return (self,)

    def part_of_batch(self, seed: int, epoch: int, iteration: int) -> View:
        """Which of `parts` makes a batch: a pure function of the batch's position, so the same on every rank."""
        return self

    @abstractmethod
    def draw(self, seed: int, epoch: int, indices: np.ndarray, shape: tuple[int, int]) -> Parameters:
        """The parameters of a batch, one row per sample.

        indices: int64 `[B]`, the samples. shape: (H, W) of the stored images.
        Returns arrays whose first axis is B; a pure function of its arguments, row by row.
        """

    def finish(self, rendered: dict[str, Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is left to do in torch, on the device, whichever executor rendered. Pictures `[B, C, S, S]`."""
        return rendered

    @abstractmethod
    def render_torch(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Render with torch. images: uint8 or uint16 `[B, H, W, C]`; parameters: as drawn, on the same device.

        Pictures among the results are `[B, C, S, S]`, in any memory format.
        """

    def dali_parameters(self, parameters: Parameters) -> Parameters:
        """Those that `render_dali` uses, all float32: DALI refuses inputs that nothing in the graph reads."""
        return parameters

    @abstractmethod
    def render_dali(self, ops: DaliOps, images: DataNode, parameters: Mapping[str, DataNode]) -> dict[str, DataNode]:
        """Describe the same rendering with a DALI graph's operations. Pictures are HWC samples, in and out."""

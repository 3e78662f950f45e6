"""What a view is: a recipe that turns one image into the tensors that a stage trains on.

Covers: the contract between views, executors and the loader. The way of the data is
`draw` (seed, epoch, sample -> parameter arrays) -> `render_torch` or `render_dali` (images, parameters -> tensors)
-> `finish` (what both executors share): all randomness lies in the arrays, so that both render the same image.
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
    """Describe how one image becomes the tensors that a stage trains on.

    Frozen, hashable and comparable, so that it can be written down with the run. A new view is a subclass with `draw`,
    `render_torch` and `render_dali`.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.

    Raises:
        ValueError: a setting lies outside what is stated above.
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
        """The views of which one makes each batch: itself alone unless overridden.

        Each part is rendered by an executor of its own.

        Returns:
            One view or more.
        """
        return (self,)

    def part_of_batch(self, seed: int, epoch: int, iteration: int) -> View:
        """Choose which of `parts` makes a batch.

        A pure function of the batch's position, so that every rank chooses the same one, and a resumed run too.

        Args:
            seed: of the loader.
            epoch: counted from 0.
            iteration: of the batch within its epoch, counted from 0.

        Returns:
            One of `parts`.
        """
        return self

    @abstractmethod
    def draw(self, seed: int, epoch: int, indices: np.ndarray, shape: tuple[int, int]) -> Parameters:
        """Draw the parameters of a batch, one row per sample.

        A pure function of its arguments, row by row: no row depends on which others are in the batch.

        Args:
            seed: of all random numbers.
            epoch: counted from 0.
            indices: int64 `[B]`, which samples of the data set.
            shape: (height, width) of the stored images, in pixels.

        Returns:
            Arrays by name, whose first axis is B.
        """

    def finish(self, rendered: dict[str, Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Do what is left to do in torch, on the device, whichever executor rendered.

        Args:
            rendered: what `render_torch` or `render_dali` returned; images `[B, C, S, S]`.
            parameters: as `draw` returned them, on the same device.

        Returns:
            The batch's tensors by name; images `[B, C, S, S]`, in any memory format.
        """
        return rendered

    @abstractmethod
    def render_torch(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Render a batch with torch.

        Args:
            images: uint8 or uint16 `[B, H, W, C]`.
            parameters: as `draw` returned them, on the images' device.

        Returns:
            Tensors by name; images among them are `[B, C, S, S]`, in any memory format.
        """

    def dali_parameters(self, parameters: Parameters) -> Parameters:
        """Select the parameters that `render_dali` uses.

        DALI refuses inputs that nothing in the graph reads.

        Args:
            parameters: as `draw` returned them.

        Returns:
            Those that DALI is fed, all float32; every one of them unless overridden.
        """
        return parameters

    @abstractmethod
    def render_dali(self, ops: DaliOps, images: DataNode, parameters: Mapping[str, DataNode]) -> dict[str, DataNode]:
        """Describe the rendering of `render_torch` as nodes of a DALI graph.

        Args:
            ops: the operations that the graph is built of.
            images: node of the stored images, HWC samples.
            parameters: nodes of what `dali_parameters` selects.

        Returns:
            Nodes by name; images are HWC samples.
        """

"""The pretext tasks: small parts that each bring their view, their head and their loss to a shared encoder.

Covers: jigsaw, inpainting of the centre, colorization. A new task is one class here and its name in TASKS.
Does not cover: which of them a step is for (the batch decides, `objective.py`), how their views are made
(`fastssl.pipelines`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.kernels import masked_mse
from fastssl.models.encoder import feature_dim
from fastssl.models.feature_map import feature_map, map_shape
from fastssl.models.heads import classification_head
from fastssl.models.map_decoder import MapDecoder
from fastssl.pipelines import CentrePatch, Colorization, Jigsaw, View
from fastssl.pipelines.ops.transform import move_tiles
from fastssl.stages.stage import Batch

SCALE = (0.6, 1.0)
"""Range of the crop's share of the image. On the demo set (28 px, batches of 64, test_resnet) the jigsaw reached 37 %
right in 500 steps with it, 70 % in 500 without cropping, and 35 % in 800 with MoCo's 0.2 to 1."""


class TaskOutput(NamedTuple):
    """The result of a task's loss; a tuple, which `torch.compile` passes through.

    Args:
        loss: scalar to be minimised.
        metrics: other detached scalars worth watching, by name.
    """

    loss: Tensor
    metrics: dict[str, Tensor]


class Task(nn.Module, ABC):
    """One task: a head on an encoder that it does not own but is given at each call, for one of the task's views."""

    @staticmethod
    @abstractmethod
    def view(size: int, channels: int, patch: float) -> View:
        """Make the task's view of an image.

        Args:
            size: side of the view, in pixels.
            channels: of the images.
            patch: the share of the side that inpainting takes away.

        Returns:
            The view.

        Raises:
            ValueError: the task cannot be set on such images.
        """

    @abstractmethod
    def loss(self, encoder: nn.Module, batch: Batch) -> TaskOutput:
        """Compute the task's objective.

        Args:
            encoder: maps `[B, C, S, S]` to `[B, D]`, and has `forward_features`.
            batch: the tensors that the view yields, by its names for them.

        Returns:
            Loss and metrics.
        """

    @abstractmethod
    def visualize(self, encoder: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Make images of a batch for a person to look at.

        Args:
            encoder: as of `loss`.
            batch: as of `loss`.

        Returns:
            Images `[B, C, S, S]` by name, normalised as the batch is.
        """

    def messages(self) -> list[str]:
        """Tell what a user should read before training starts.

        Returns:
            Lines; none unless overridden.
        """
        return []


class JigsawTask(Task):
    """Name the order in which the tiles lie: a classifier on the pooled features, cross-entropy.

    Args:
        encoder: that the head will be used on.
        view: of the task.
    """

    orders: Tensor

    def __init__(self, encoder: nn.Module, view: Jigsaw) -> None:
        super().__init__()
        self.head = classification_head(feature_dim(encoder, view.channels, view.size), view.permutations)
        self.register_buffer("orders", torch.from_numpy(view.orders.copy()), persistent=False)

    @staticmethod
    def view(size: int, channels: int, patch: float) -> Jigsaw:
        """Make the view of 2 x 2 tiles in all 24 orders."""
        return Jigsaw(size, channels, scale=SCALE, with_target=False)

    def loss(self, encoder: nn.Module, batch: Batch) -> TaskOutput:
        logits = self.head(encoder(batch["image"]))
        correct = logits.detach().argmax(dim=1) == batch["permutation"]
        loss = F.cross_entropy(logits, batch["permutation"])
        return TaskOutput(loss=loss, metrics={"accuracy": correct.float().mean()})

    def visualize(self, encoder: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the tiles put back from the order that the head names."""
        named = self.head(encoder(batch["image"])).argmax(dim=1)
        return {"reordered": move_tiles(batch["image"], self.orders[named].argsort(dim=1))}

    def messages(self) -> list[str]:
        count = len(self.orders)
        chance = torch.tensor(float(count)).log()
        return [
            f"jigsaw: ln({count}) = {chance:.2f} is the loss of a guess among {count} orders, {1 / count:.1%} right"
        ]


class RestorationTask(Task):
    """Predict the image from the last feature map: a decoder, mean squared error of normalised pixels.

    Counted where the view's "mask" is not zero, and everywhere where the view has none.

    Args:
        encoder: that the decoder will be used on.
        view: of the task.
    """

    def __init__(self, encoder: nn.Module, view: View) -> None:
        super().__init__()
        shape = map_shape(encoder, view.channels, view.size)
        self.decoder = MapDecoder(shape.channels, shape.side, view.channels, view.size)

    def loss(self, encoder: nn.Module, batch: Batch) -> TaskOutput:
        prediction = self.predict(encoder, batch)
        return TaskOutput(loss=masked_mse(prediction, batch["target"], batch.get("mask")), metrics={})

    def predict(self, encoder: nn.Module, batch: Batch) -> Tensor:
        """Predict images.

        Args:
            encoder: as of `loss`.
            batch: as of `loss`.

        Returns:
            `[B, C, S, S]`.
        """
        return self.decoder(feature_map(encoder, batch["image"]))


class InpaintTask(RestorationTask):
    """Restore the missing centre; the decoder's prediction around it is neither scored nor shown."""

    @staticmethod
    def view(size: int, channels: int, patch: float) -> CentrePatch:
        """Make the view with a square at the mean in the middle."""
        return CentrePatch(size, channels, scale=SCALE, patch=patch)

    def visualize(self, encoder: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the image as it was shown, with the prediction in its gap."""
        prediction = self.predict(encoder, batch).to(batch["image"].dtype)
        return {"restored": torch.where(batch["mask"] != 0, prediction, batch["image"])}


class ColorizeTask(RestorationTask):
    """Give a grey image its colours; every pixel counts."""

    @staticmethod
    def view(size: int, channels: int, patch: float) -> Colorization:
        """Make the view with the luma in all three channels."""
        return Colorization(size, channels, scale=SCALE)

    def visualize(self, encoder: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the prediction."""
        return {"restored": self.predict(encoder, batch).to(batch["image"].dtype)}


TASKS: Mapping[str, type[Task]] = {"jigsaw": JigsawTask, "inpaint": InpaintTask, "colorize": ColorizeTask}
"""Name -> task; the names are those of `settings.py`."""

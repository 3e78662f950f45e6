"""What a stage decides by itself: how it is put together from its settings.

Covers: the contract between a stage's own choices (its encoder, automatic values, view, optimiser) and
`fastssl.training.build`. Does not cover: the objective (`stage.py`), values that all stages choose alike
(`fastssl.training.resolve`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import nn

from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.models.encoder import EncoderSpec
from fastssl.pipelines import View
from fastssl.stages.stage import Stage

Automatic = dict[str, tuple[object, str]]
"""Setting -> (the value it gets where it is "auto", why)."""
MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
"""Makes an optimiser of parameters; its learning rate is set anew at every step."""

DEFAULT_EPOCHS = 100

ConfigT = TypeVar("ConfigT", bound=TrainConfig)
SettingsT = TypeVar("SettingsT", bound=TrainingSettings)


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What automatic values depend on, besides the configuration.

    Args:
        images: how many there are in the training split.
        channels: of the images.
        size: side of the images that are trained on, in pixels.
        modality: of the images, in the data set's own words.
        on_cuda: the run is on a GPU.
        rgb: three channels are red, green and blue, and not windows of a scan or neighbouring slices.
        batch_norm: the encoder has batch norms.
        compute_dtype: dtype of batches.
    """

    images: int
    channels: int
    size: int
    modality: str = "unknown"
    on_cuda: bool = False
    rgb: bool = True
    batch_norm: bool = True
    compute_dtype: torch.dtype = torch.float32

    @property
    def coloured(self) -> bool:
        """Whether the images have colours."""
        return self.rgb and self.channels == 3


class StageDefaults(ABC, Generic[ConfigT, SettingsT]):
    """How a stage is put together: first from what was asked for (`ConfigT`), then from resolved settings."""

    def encoder(self, *, on_cuda: bool) -> tuple[str, str]:
        """Choose the encoder where none is asked for.

        Args:
            on_cuda: the run is on a GPU.

        Returns:
            Its timm name, and why.
        """
        return "resnet18", "the stage's own"

    def auto_steps(self, config: ConfigT, steps_per_epoch: int) -> int:
        """Choose the length of a run, where none is asked for.

        Args:
            config: what was asked for.
            steps_per_epoch: of the data.

        Returns:
            The number of steps.
        """
        return DEFAULT_EPOCHS * steps_per_epoch

    def automatic(self, config: ConfigT, info: RunInfo, steps: int) -> Automatic:
        """Choose the stage's own automatic values.

        Args:
            config: what was asked for.
            info: about data, device and encoder.
            steps: of the run.

        Returns:
            Setting -> (value, why), whether it is asked for or not.
        """
        return {}

    def is_automatic(self, config: ConfigT, name: str) -> bool:
        """Tell whether a setting is left to `automatic`.

        Args:
            config: what was asked for.
            name: of the setting.

        Returns:
            Whether it is.
        """
        return getattr(config, name) in (None, "auto")

    def problems(self, config: ConfigT, info: RunInfo) -> list[str]:
        """Find what cannot be done with this data.

        Args:
            config: what was asked for.
            info: about data, device and encoder.

        Returns:
            One short phrase for each problem.
        """
        return []

    def messages(self, settings: SettingsT, info: RunInfo) -> list[str]:
        """Tell what a user should read before training: what is left out for this data, and why.

        Args:
            settings: of the run.
            info: about data, device and encoder.

        Returns:
            Lines.
        """
        return []

    @abstractmethod
    def view(self, settings: SettingsT, info: RunInfo) -> View:
        """Make the view that the loader renders.

        Args:
            settings: of the run.
            info: about data, device and encoder.

        Returns:
            The view; the names of what it yields are those that the stage's loss reads.

        Raises:
            ConfigError: the view cannot be set on images of this size.
        """

    @abstractmethod
    def stage(self, settings: SettingsT, encoder: nn.Module, spec: EncoderSpec, info: RunInfo) -> Stage:
        """Make the objective around an encoder.

        Args:
            settings: of the run.
            encoder: with the weights that the run starts from; it becomes the stage's own.
            spec: what the encoder was built as.
            info: about data, device and encoder.

        Returns:
            The stage, on the CPU.

        Raises:
            ConfigError: the encoder does not suit the objective.
        """

    @abstractmethod
    def optimizer(self, settings: SettingsT) -> MakeOptimizer:
        """Return a function that makes the optimiser of the stage's trained parameters.

        Args:
            settings: of the run.
        """

    def warm_up_steps(self, settings: SettingsT) -> int:
        """Return over how many steps the learning rate rises to its peak before the cosine begins.

        Args:
            settings: of the run.
        """
        return 0

    def scoring_view(self, view: View) -> View | None:
        """Return the view of the held-out images that `Stage.score` is given when a run ends.

        Args:
            view: of the training images.

        Returns:
            The view; None for a stage that has no scores.
        """
        return None

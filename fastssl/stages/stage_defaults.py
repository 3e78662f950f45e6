"""What a plan is: how one stage is put together from the configuration.

Covers: the contract between a stage's own choices (its encoder, automatic values, view, optimiser) and `fastssl.training.train`.
Does not cover: the objective (`fastssl.stages`), the loop (`fastssl.training.engine`), or values all stages choose alike
(`fastssl.training.resolve`). A new stage is one file in `stages/`, one file here, and its settings in `fastssl.config`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from fastssl.config import TrainConfig
from fastssl.models.encoder import EncoderSpec
from fastssl.pipelines import View
from fastssl.stages.stage import Stage

Automatic = dict[str, tuple[object, str]]
"""Setting -> (the value it gets where it is "auto", why)."""
MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]

ValueT = TypeVar("ValueT")


def filled(value: ValueT | None) -> ValueT:
    """An automatic value that `fastssl.training.resolve` has filled in.

    Raises:
        RuntimeError: it has not.
    """
    if value is None:
        raise RuntimeError("an automatic setting is used before it is resolved")
    return value


@dataclass(frozen=True)
class RunInfo:
    """What automatic values depend on, besides the configuration.

    images: in the training split. channels, modality: of the data. on_cuda: the run is on a GPU.
    batch_norm: the encoder has batch norms. compute_dtype: of batches.
    """

    images: int
    channels: int
    modality: str = "unknown"
    on_cuda: bool = False
    batch_norm: bool = True
    compute_dtype: torch.dtype = torch.float32


class StageDefaults(ABC):
    """How a stage is put together. Configurations given to all but `encoder` and `automatic` are resolved ones."""

    def encoder(self, *, on_cuda: bool) -> tuple[str, str]:
        """(timm name, why) of the encoder where none is asked for."""
        return "resnet18", "the stage's own"

    def start(self, config: TrainConfig, folder: Path) -> tuple[Path | None, str]:
        """(weights to start from, a line about them for the user) for a new run in `folder`; None: random ones."""
        return config.init, ""

    def automatic(self, config: TrainConfig, facts: RunInfo, steps: int) -> Automatic:
        """The stage's own automatic values, for a run of `steps` steps."""
        return {}

    def problems(self, config: TrainConfig, facts: RunInfo) -> list[str]:
        """What about `config` cannot be done with this data."""
        return []

    def notices(self, config: TrainConfig, facts: RunInfo) -> list[str]:
        """Lines a user should read before training: what is left out for this data, and why."""
        return []

    @abstractmethod
    def view(self, config: TrainConfig, facts: RunInfo) -> View:
        """What the loader renders."""

    @abstractmethod
    def stage(self, config: TrainConfig, encoder: nn.Module, spec: EncoderSpec, facts: RunInfo) -> Stage:
        """The objective around `encoder`."""

    @abstractmethod
    def optimizer(self, config: TrainConfig) -> MakeOptimizer:
        """Makes the optimiser of the stage's trained parameters."""

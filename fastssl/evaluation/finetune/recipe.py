"""The recipe that all contenders of a comparison are trained by.

Covers: its settings, what "auto" becomes, each with its reason. Does not cover: carrying it out (`trial.py`).

Sources: TOWER (Neural Networks 167, 2023) fine-tunes with Adam at 2e-4 for 100 epochs, or until 30 have brought nothing
better, on batches of 128 under a cosine; MedMNIST v2 trains with Adam at 1e-3 and keeps the epoch with the best
validation AUC.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from fastssl.config import FinetuneConfig
from fastssl.pipelines import Plain, RandomCrop, View

from .classification import Classifier

FINETUNE_LR, CLASSIFIER_LR = 2e-4, 1e-3
FINETUNE_PATIENCE = 30
MOST_IMAGES, FEWEST_IMAGES, STEPS_WANTED = 128, 8, 4


@dataclass(frozen=True)
class Recipe:
    """How one classifier is trained. batch_size None: by `batch_size_for` the number of training images."""

    frozen: bool
    classifier: Classifier
    lr: float
    weight_decay: float
    epochs: int
    patience: int
    batch_size: int | None
    augment: bool

    @classmethod
    def of(cls, config: FinetuneConfig) -> Recipe:
        """The recipe that `config` asks for, with nothing automatic left in it but the batch size."""
        return cls(
            config.frozen,
            config.classifier,
            config.lr or (CLASSIFIER_LR if config.frozen else FINETUNE_LR),
            config.weight_decay,
            config.epochs,
            config.patience or (config.epochs if config.frozen else FINETUNE_PATIENCE),
            config.batch_size,
            config.augment and not config.frozen,
        )

    def batch_size_for(self, images: int) -> int:
        """128, or a quarter of fewer images, but at least 8 of them, so that an epoch has about four steps or more."""
        wanted = self.batch_size or min(MOST_IMAGES, max(FEWEST_IMAGES, images // STEPS_WANTED))
        return min(wanted, images)

    def view(self, size: int, channels: int, mean: tuple[float, ...], std: tuple[float, ...]) -> View:
        """What is trained on: a crop of at least 60 % of the area, flipped or not, or the plain image."""
        return (RandomCrop if self.augment else Plain)(size, channels, mean, std)

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(parameters, lr=self.lr, weight_decay=self.weight_decay, fused=True)

    def settings(self) -> dict[str, Any]:
        """The fields, for writing down."""
        return asdict(self)

    def describe(self) -> str:
        """One line for a person."""
        what = f"frozen encoder, {self.classifier} classifier" if self.frozen else f"end to end, {self.classifier} head"
        stop = f", at most {self.patience} without a better validation AUC" if self.patience < self.epochs else ""
        seen = "crop and flip" if self.augment else "no augmentation"
        return f"{what}; Adam {self.lr:g}, cosine, {self.epochs} epochs{stop}; {seen}"

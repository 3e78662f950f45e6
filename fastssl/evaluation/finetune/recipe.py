"""The recipe that all candidates of a comparison are trained by.

Covers: its settings, what "auto" becomes and where it comes from. Does not cover: carrying it out (`trial.py`).

TOWER (Neural Networks 167, 2023) fine-tunes classifiers with Adam at 2e-4 under a cosine, on batches of 32, for 200
epochs or until 30 have brought nothing better. MedMNIST v2 (Scientific Data 10, 2023) trains with Adam at 1e-3 on
batches of 128 for 100 epochs, and keeps the epoch with the best validation AUC.

Ours, end to end: optimiser, learning rate, cosine and patience of TOWER; epochs, batch size and choice of the epoch of
MedMNIST, so that a comparison takes half TOWER's time at most. On fewer than 512 images batches are smaller, and images
are cropped and flipped; both are our own. A frozen encoder's classifier is trained at MedMNIST's rate, for all epochs.
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
"""TOWER's for classification, and MedMNIST's."""
FINETUNE_PATIENCE = 30
"""TOWER's, in epochs."""
LARGEST_BATCH, SMALLEST_BATCH, STEPS_WANTED = 128, 8, 4
"""MedMNIST's batch size, and for few images ours: about four steps per epoch, of at least eight images."""


@dataclass(frozen=True, kw_only=True)
class FinetuneRecipe:
    """How one classifier is trained.

    Attributes:
        frozen: the classifier alone is trained, on the encoder's features.
        classifier: "linear" or "mlp".
        lr: Adam's peak rate.
        weight_decay: of every trained weight.
        epochs: how many at most.
        patience: epochs without a better one after which training stops.
        batch_size: images per step; None for `batch_size_for` the number of training images.
        augment: crop and flip.
    """

    frozen: bool
    classifier: Classifier
    lr: float
    weight_decay: float
    epochs: int
    patience: int
    batch_size: int | None
    augment: bool

    @classmethod
    def of(cls, config: FinetuneConfig) -> FinetuneRecipe:
        """Return the recipe that `config` asks for; of what is automatic, the batch size alone is left open."""
        return cls(
            frozen=config.frozen,
            classifier=config.classifier,
            lr=config.lr or (CLASSIFIER_LR if config.frozen else FINETUNE_LR),
            weight_decay=config.weight_decay,
            epochs=config.epochs,
            patience=config.patience or (config.epochs if config.frozen else FINETUNE_PATIENCE),
            batch_size=config.batch_size,
            augment=config.augment and not config.frozen,
        )

    def batch_size_for(self, images: int) -> int:
        """Return the images per step: 128, or a quarter of fewer images but at least 8, or what was asked for.

        Args:
            images: how many there are to train on; no batch is larger.
        """
        wanted = self.batch_size or min(LARGEST_BATCH, max(SMALLEST_BATCH, images // STEPS_WANTED))
        return min(wanted, images)

    def view(self, size: int, channels: int, mean: tuple[float, ...], std: tuple[float, ...]) -> View:
        """Return the view that is trained on: a crop of at least 60 % of the area, flipped half the time, or no change.

        Args:
            size: side in pixels.
            channels: of the images.
            mean: of each channel, of values in [0, 1].
            std: likewise.
        """
        return (RandomCrop if self.augment else Plain)(size, channels, mean, std)

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Return Adam over `parameters`."""
        return torch.optim.Adam(parameters, lr=self.lr, weight_decay=self.weight_decay, fused=True)

    def settings(self) -> dict[str, Any]:
        """Return the fields by name, for reports and for the key of a trial."""
        return asdict(self)

    def describe(self) -> str:
        """Return one line for a person."""
        what = f"frozen encoder, {self.classifier} classifier" if self.frozen else f"end to end, {self.classifier} head"
        stop = f", at most {self.patience} without a better validation AUC" if self.patience < self.epochs else ""
        seen = "crop and flip" if self.augment else "no augmentation"
        return f"{what}; Adam {self.lr:g}, cosine, {self.epochs} epochs{stop}; {seen}"

"""Supervised classification as a stage: cross-entropy of a classifier on an encoder.

Covers: one label, several labels, a linear or a two-layer classifier. Does not cover: freezing (a frozen encoder's
features are the batch, and the encoder here `nn.Identity`), the loop, scores on other images (`scoring.py`).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.stages.stage import Batch, Stage, StageOutput

Classifier = Literal["linear", "mlp"]

HIDDEN = 256


class Classification(Stage):
    """The encoder and a classifier, trained together on labels.

    Args:
        encoder: maps the batch's "image" `[B, ...]` to features `[B, D]`.
        feature_dim: D.
        outputs: K, classes or labels.
        multi_label: K independent sigmoids instead of one softmax.
        classifier: "linear", or "mlp" with one hidden layer of 256.
        seed: of the classifier's weights.
    """

    def __init__(
        self,
        encoder: nn.Module,
        feature_dim: int,
        outputs: int,
        *,
        multi_label: bool,
        classifier: Classifier = "linear",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.multi_label = multi_label
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = _head(classifier, feature_dim, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits `[B, K]` of images, or of features where the encoder is `nn.Identity`."""
        return self.head(self.encoder(images))

    def loss(self, batch: Batch) -> StageOutput:
        """Return mean cross-entropy, and as a metric the share of right answers.

        Args:
            batch: "image" `[B, ...]`, and "label" `[B]` or `[B, K]`.
        """
        logits = self(batch["image"]).float()
        label = batch["label"]
        return StageOutput(
            log_loss(logits, label, multi_label=self.multi_label),
            {"accuracy": right_answers(logits, label, multi_label=self.multi_label).detach()},
            {},
        )

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return softmax or sigmoid of logits `[N, K]`, in float64."""
        return logits.double().sigmoid() if self.multi_label else logits.double().softmax(dim=1)


def log_loss(logits: Tensor, label: Tensor, *, multi_label: bool) -> Tensor:
    """Return cross-entropy, the mean over images (and labels).

    Args:
        logits: `[N, K]`.
        label: int64 `[N]` class indices, or `[N, K]` zeros and ones.
        multi_label: K independent sigmoids instead of one softmax.
    """
    if multi_label:
        return F.binary_cross_entropy_with_logits(logits, label.to(logits.dtype))
    return F.cross_entropy(logits, label)


def right_answers(logits: Tensor, label: Tensor, *, multi_label: bool) -> Tensor:
    """Return the share of right answers: of the largest logit, or of every label at a probability of 0.5.

    Args:
        logits: `[N, K]`.
        label: int64 `[N]` class indices, or `[N, K]` zeros and ones.
        multi_label: K independent sigmoids instead of one softmax.
    """
    answers = (logits > 0).to(label.dtype) if multi_label else logits.argmax(dim=1)
    return (answers == label).float().mean()


def _head(classifier: Classifier, feature_dim: int, outputs: int) -> nn.Module:
    if classifier == "linear":
        return nn.Linear(feature_dim, outputs)
    return nn.Sequential(nn.Linear(feature_dim, HIDDEN), nn.ReLU(inplace=True), nn.Linear(HIDDEN, outputs))

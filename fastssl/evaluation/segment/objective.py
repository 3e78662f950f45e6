"""Supervised segmentation as a stage: a U-Net's logits against masks.

Covers: pixel-wise cross-entropy, the default, which is what TOWER (Neural Networks 167, 2023) minimises, here of two
classes by one logit; soft Dice (Milletari et al., "V-Net", 3DV 2016), which counts thin vessels as much as wide ground;
their sum. All inside the field of view. An encoder that is frozen, so that the decoder alone is trained.
Does not cover: several classes, the network (`fastssl.models.unet`), the loop, scores of images (`metrics.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.models.unet import UNet
from fastssl.stages.stage import Batch, Stage, StageOutput

if TYPE_CHECKING:
    from typing_extensions import Self

Objective = Literal["bce+dice", "bce", "dice"]


class Segmentation(Stage):
    """A U-Net with one output, trained on masks.

    The batch holds "image" `[B, C, H, W]`, "mask" and "inside" `[B, 1, H, W]`, zeros and ones.

    Args:
        network: maps `[B, C, H, W]` to logits `[B, 1, H, W]`.
        objective: "bce" is the mean over all pixels inside, "dice" one minus the soft Dice of all of them together (of
            the batch rather than of each patch: many patches show no foreground at all), "bce+dice" their sum.
        freeze_encoder: the encoder gets no gradient and stays in eval mode, with its batch norms' own statistics.
    """

    def __init__(self, network: UNet, objective: Objective = "bce", *, freeze_encoder: bool = False) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.freeze_encoder = freeze_encoder
        if freeze_encoder:
            network.encoder.requires_grad_(False)
            network.encoder.eval()

    def train(self, mode: bool = True) -> Self:
        """Switch to training or to eval mode; a frozen encoder stays in eval mode."""
        super().train(mode)
        if self.freeze_encoder:
            self.network.encoder.eval()
        return self

    @property
    def encoder(self) -> nn.Module:  # type: ignore[override]
        """Return the network's encoder."""
        return self.network.encoder

    def loss(self, batch: Batch) -> StageOutput:
        """Return the objective of a batch, and its soft Dice as a metric."""
        logits = self.network(batch["image"]).float()
        mask, inside = batch["mask"], batch["inside"]
        dice = soft_dice(logits.sigmoid(), mask, inside)
        loss = 1 - dice if self.objective == "dice" else cross_entropy(logits, mask, inside)
        if self.objective == "bce+dice":
            loss = loss + 1 - dice
        return StageOutput(loss, {"dice": dice.detach()}, {})

    def probabilities(self, images: Tensor) -> Tensor:
        """Return the probabilities of foreground, float32 `[B, 1, H, W]`, for images `[B, C, H, W]`."""
        return self.network(images).float().sigmoid()


def cross_entropy(logits: Tensor, mask: Tensor, inside: Tensor) -> Tensor:
    """Return the binary cross-entropy, the mean over pixels where `inside` is 1; a scalar.

    Args:
        logits: float32 `[B, 1, H, W]`.
        mask: `[B, 1, H, W]`, zeros and ones.
        inside: likewise.
    """
    each = F.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    return (each * inside).sum() / inside.sum().clamp(min=1)


def soft_dice(probability: Tensor, mask: Tensor, inside: Tensor) -> Tensor:
    """Return (2 sum p m + 1) / (sum p + sum m + 1) over pixels where `inside` is 1; a scalar.

    The ones make it 1 where all is empty (Milletari et al., "V-Net", 3DV 2016, whose denominator has squares).

    Args:
        probability: float32 `[B, 1, H, W]`, p.
        mask: `[B, 1, H, W]`, zeros and ones, m.
        inside: likewise.
    """
    p, m = probability * inside, mask * inside
    return (2 * (p * m).sum() + 1) / (p.sum() + m.sum() + 1)

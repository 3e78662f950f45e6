"""The linear classifier of the MedMNIST+ protocol, trained on features that were extracted once, for all seeds at once.

Covers: its recipe, training with early stopping by validation loss, logits of the best epoch. Does not cover: features
(`fastssl.evaluation.shared.extraction`), scores (`trial.py`).

Doerrich et al. (2025) train it in a loop over images that are not augmented. A frozen encoder in eval mode gives the
same features in every epoch, so that they can be extracted once. Theirs is in training mode, which for encoders with
batch norm makes features that depend on the batch, and statistics that follow the new images.

The seeds share steps, never numbers: each has its own weights, order of images, optimiser state and best epoch.

A step is two small products, whose gradient is written down: by autograd it took about four times as long (three
seeds, 512 features, two classes, one core of an AMD EPYC).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.errors import DivergenceError
from fastssl.evaluation.shared.early_stopping import EarlyStopping


@dataclass(frozen=True, kw_only=True)
class LinearRecipe:
    """How a linear classifier is trained; the defaults are the published protocol's.

    Attributes:
        lr: AdamW's first rate; over the epochs it falls to 0 on a cosine.
        weight_decay: of AdamW, for weights and biases; timm's and torch's default.
        epochs: how many at most.
        patience: epochs without a lower validation loss after which training stops.
        batch_size: images per step; the last step of an epoch may have fewer.
        scoring_batch: the validation loss is the mean over batches of so many images, also where the last has fewer.
    """

    lr: float = 1e-4
    weight_decay: float = 1e-2
    epochs: int = 100
    patience: int = 5
    batch_size: int = 64
    scoring_batch: int = 256

    def lr_at(self, epoch: int) -> float:
        """Return the rate of an epoch, counted from 0.

        timm's `CosineLRScheduler` is told of each epoch after it, so that the first two epochs have the same rate.

        Args:
            epoch: of the training.
        """
        return self.lr * 0.5 * (1 + math.cos(math.pi * max(0, epoch - 1) / self.epochs))


@dataclass(frozen=True, kw_only=True)
class LabelledPart:
    """Features of one part and what they are of.

    Attributes:
        features: float32 `[N, D]`.
        labels: int64 `[N]` class indices, or `[N, K]` zeros and ones.
    """

    features: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> LabelledPart:
        """Return the same on a device."""
        return LabelledPart(features=self.features.to(device), labels=self.labels.to(device))


@dataclass(frozen=True, kw_only=True)
class LinearClassifiers:
    """A trained classifier for each seed, with the weights of its best epoch.

    Attributes:
        weight: float32 `[S, K, D]`.
        bias: float32 `[S, K]`.
        val_loss: of each seed, at its best epoch.
        best_epoch: likewise, counted from 1.
        epochs: that each seed was trained.
    """

    weight: Tensor
    bias: Tensor
    val_loss: tuple[float, ...]
    best_epoch: tuple[int, ...]
    epochs: tuple[int, ...]

    def logits(self, features: Tensor) -> Tensor:
        """Return logits `[S, M, K]` of features `[M, D]`, computed on the weights' device."""
        return features.to(self.weight) @ self.weight.mT + self.bias[:, None]


def train_linear(
    train: LabelledPart,
    val: LabelledPart,
    *,
    outputs: int,
    seeds: Sequence[int],
    recipe: LinearRecipe,
    device: torch.device,
    on_epoch: Callable[[int, float], None] = lambda epochs, loss: None,
) -> LinearClassifiers:
    """Train a linear classifier for every seed, each until its validation loss no longer falls.

    Args:
        train: trained on.
        val: the epoch is chosen by it.
        outputs: K, classes (softmax and cross-entropy) or labels (sigmoids and binary cross-entropy).
        seeds: of the first weights and of the order of the images; one or more.
        recipe: how to train.
        device: that they are trained on.
        on_epoch: told of the epochs done, and of the mean over the seeds of the validation loss.

    Returns:
        The classifiers, on the device.

    Raises:
        DivergenceError: a validation loss is not a finite number.
    """
    heads = _Heads(train.to(device), outputs, seeds, recipe)
    val = val.to(device)
    stopping = [EarlyStopping(recipe.patience) for _ in seeds]
    losses = [math.inf for _ in seeds]
    best = {name: value.detach().clone() for name, value in heads.named_parameters()}
    for epoch in range(recipe.epochs):
        heads.train_epoch(epoch)
        found = heads.validation_losses(val)
        if not all(map(math.isfinite, found)):
            raise DivergenceError("the linear classifier's validation loss is not finite; its features may be huge")
        for place, one in enumerate(stopping):
            if not one.exhausted and one.improved((-found[place],)):
                losses[place] = found[place]
                for name, value in heads.named_parameters():
                    best[name][place] = value.detach()[place]
        on_epoch(epoch + 1, sum(found) / len(found))
        if all(one.exhausted for one in stopping):
            break
    return LinearClassifiers(
        weight=best["weight"],
        bias=best["bias"],
        val_loss=tuple(losses),
        best_epoch=tuple(one.best_epoch for one in stopping),
        epochs=tuple(one.epoch for one in stopping),
    )


class _Heads(nn.Module):
    """A linear layer for each seed, with the weights that `nn.Linear` draws from it, and what trains them."""

    def __init__(self, train: LabelledPart, outputs: int, seeds: Sequence[int], recipe: LinearRecipe) -> None:
        super().__init__()
        layers = [_seeded_linear(train.features.shape[1], outputs, seed) for seed in seeds]
        device = train.features.device
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]).to(device))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]).to(device))
        self._features, self._recipe = train.features, recipe
        self._multi_label = train.labels.ndim == 2
        self._targets = (train.labels if self._multi_label else F.one_hot(train.labels, outputs)).to(train.features)
        self._orders = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._optimizer = torch.optim.AdamW(
            self.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True
        )

    @torch.no_grad()
    def train_epoch(self, epoch: int) -> None:
        """See every training image once, in each seed's own order."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.lr_at(epoch)
        order = torch.stack([torch.randperm(len(self._features), generator=own) for own in self._orders])
        for rows in order.to(self._features.device).split(self._recipe.batch_size, dim=1):
            features = _taken(self._features, rows)
            logits = torch.baddbmm(self.bias[:, None], features, self.weight.mT)
            slope = self._slope(logits, _taken(self._targets, rows))
            self.weight.grad = slope.mT @ features
            self.bias.grad = slope.sum(dim=1)
            self._optimizer.step()

    def _slope(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The gradient of each seed's mean loss by its logits `[S, B, K]`."""
        if self._multi_label:
            return (logits.sigmoid() - targets) / (targets.shape[1] * targets.shape[2])
        return (logits.softmax(dim=2) - targets) / targets.shape[1]

    @torch.no_grad()
    def validation_losses(self, val: LabelledPart) -> list[float]:
        """For each seed the mean over batches of their mean losses, as in the protocol."""
        batch, found = self._recipe.scoring_batch, []
        for features, labels in zip(val.features.split(batch), val.labels.split(batch), strict=True):
            logits = features @ self.weight.mT + self.bias[:, None]
            found.append(torch.stack([_mean_loss(own, labels) for own in logits]))
        means: list[float] = torch.stack(found).double().mean(dim=0).tolist()
        return means


def _seeded_linear(features: int, outputs: int, seed: int) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(features, outputs)


def _taken(values: Tensor, rows: Tensor) -> Tensor:
    """`values[rows]` for rows `[S, B]`; index_select takes a fraction of the time."""
    return values.index_select(0, rows.flatten()).unflatten(0, rows.shape)


def _mean_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Of logits `[B, K]` and labels `[B]`, or `[B, K]` zeros and ones."""
    if labels.ndim == 2:
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return F.cross_entropy(logits, labels)

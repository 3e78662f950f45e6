"""The linear classifier of the protocol against a plain loop in torch, one seed at a time, and timm's schedule."""

from __future__ import annotations

import math

import pytest
import torch
from timm.scheduler import CosineLRScheduler
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.errors import DivergenceError
from fastssl.evaluation.medmnist_plus.linear import LabelledPart, LinearClassifiers, LinearRecipe, train_linear

CPU = torch.device("cpu")
SEEDS = (9930641, 115149041, 252139603)
FAST = LinearRecipe(lr=0.01, epochs=30)
"""Of the protocol, but for a rate at which few images are learnt, and overlearnt, within seconds."""


def part(count: int, seed: int, *, multi_label: bool = False) -> LabelledPart:
    """Features of three classes that overlap."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    features = torch.randn(count, 24, generator=random) + 0.5 * F.one_hot(labels, 24)
    if multi_label:
        labels = (torch.rand(count, 3, generator=random) < 0.3 + 0.4 * F.one_hot(labels, 3)).long()
    return LabelledPart(features=features, labels=labels)


def plain_loop(train: LabelledPart, val: LabelledPart, seed: int, recipe: LinearRecipe) -> tuple[float, int, int]:
    """As the paper's script has it, by autograd: the best validation loss, its epoch, and the epochs trained."""
    multi_label = train.labels.ndim == 2
    torch.manual_seed(seed)
    head = nn.Linear(train.features.shape[1], 3)
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(head.parameters(), lr=recipe.lr)
    scheduler = CosineLRScheduler(optimizer, t_initial=recipe.epochs, cycle_limit=1, t_in_epochs=True)

    def loss(features: Tensor, labels: Tensor) -> Tensor:
        logits = head(features)
        return (
            F.binary_cross_entropy_with_logits(logits, labels.float())
            if multi_label
            else F.cross_entropy(logits, labels)
        )

    best, best_epoch, waited, epoch = math.inf, 0, 0, 0
    for epoch in range(recipe.epochs):
        for rows in torch.randperm(len(train.features), generator=order).split(64):
            loss(train.features[rows], train.labels[rows]).backward()
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step(epoch=epoch)
        with torch.no_grad():
            batches = zip(val.features.split(256), val.labels.split(256), strict=True)
            losses = [loss(features, labels).item() for features, labels in batches]
        found = sum(losses) / len(losses)
        if found < best:
            best, best_epoch, waited = found, epoch + 1, 0
        else:
            waited += 1
        if waited == 5:
            break
    return best, best_epoch, epoch + 1


def trained(
    train: LabelledPart, val: LabelledPart, recipe: LinearRecipe = FAST, **options: object
) -> LinearClassifiers:
    settings = {"outputs": 3, "seeds": SEEDS, "recipe": recipe, "device": CPU, **options}
    return train_linear(train, val, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("multi_label", [False, True], ids=["classes", "labels"])
def test_all_seeds_at_once_equal_a_plain_loop_for_each(multi_label: bool) -> None:
    train, val = part(150, 0, multi_label=multi_label), part(300, 1, multi_label=multi_label)
    found = trained(train, val)
    expected = [plain_loop(train, val, seed, FAST) for seed in SEEDS]
    torch.testing.assert_close(found.val_loss, tuple(best for best, _, _ in expected), rtol=1e-5, atol=0)
    assert found.best_epoch == tuple(epoch for _, epoch, _ in expected)
    assert found.epochs == tuple(epochs for _, _, epochs in expected)
    assert min(found.epochs) < FAST.epochs  # so that stopping was tried


def test_the_weights_are_those_of_each_seeds_best_epoch() -> None:
    train, val = part(150, 0), part(200, 1)
    found = trained(train, val)
    losses = [F.cross_entropy(logits, val.labels).item() for logits in found.logits(val.features)]
    assert losses == pytest.approx(found.val_loss, rel=1e-5)
    assert len(set(found.val_loss)) == 3


def test_a_seed_finds_the_same_in_any_company() -> None:
    train, val = part(150, 0), part(200, 1)
    alone, together = trained(train, val, seeds=SEEDS[1:2]), trained(train, val)
    assert alone.val_loss[0] == pytest.approx(together.val_loss[1], rel=1e-5)
    assert alone.best_epoch[0] == together.best_epoch[1]


def test_nobody_elses_random_numbers_are_used() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(part(20, 0), part(20, 1), LinearRecipe(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_the_published_settings_are_the_defaults() -> None:
    recipe = LinearRecipe()
    assert (recipe.lr, recipe.epochs, recipe.patience, recipe.batch_size) == (1e-4, 100, 5, 64)
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=recipe.lr)
    assert recipe.weight_decay == optimizer.defaults["weight_decay"]
    scheduler = CosineLRScheduler(optimizer, t_initial=100, cycle_limit=1, t_in_epochs=True)
    for epoch in range(100):
        assert recipe.lr_at(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        scheduler.step(epoch=epoch)


def test_features_that_are_no_numbers_end_in_one_line() -> None:
    broken = part(20, 0)
    broken.features[3, 3] = math.nan
    with pytest.raises(DivergenceError, match="validation loss is not finite"):
        trained(broken, part(20, 1))

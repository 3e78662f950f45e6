"""Settings of a comparison, and what "auto" becomes."""

from __future__ import annotations

from typing import Any

import pytest

from fastssl.cli import app
from fastssl.config import FinetuneConfig, build
from fastssl.errors import ConfigError
from fastssl.evaluation.finetune.recipe import FinetuneRecipe
from fastssl.pipelines import Plain, RandomCrop


def parsed(*options: str) -> FinetuneConfig:
    """What the command line makes of `options`."""
    _, bound, _ = app.parse_args(["finetune", "run", *options], exit_on_error=False, print_error=False)
    return bound.arguments.get("config", FinetuneConfig())


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("--label-fraction 1.0 0.1 0.01", {"label_fraction": (1.0, 0.1, 0.01)}),
        ("--label-fraction 0.1", {"label_fraction": 0.1}),
        ("--frozen --classifier mlp", {"frozen": True, "classifier": "mlp"}),
        ("--patience auto --lr auto --batch-size auto", {"patience": "auto", "lr": "auto", "batch_size": "auto"}),
        ("--imagenet resnet18 --imagenet-weights a.pth", {"imagenet": "resnet18", "imagenet_weights": "a.pth"}),
        ("--no-augment --trials 5 --epochs 7", {"augment": False, "trials": 5, "epochs": 7}),
    ],
)
def test_the_command_line_and_python_agree(line: str, settings: dict[str, Any]) -> None:
    assert parsed(*line.split()) == build(FinetuneConfig, settings)


@pytest.mark.parametrize("settings", [{"label_fraction": ()}, {"label_fraction": 2}, {"batch_size": 1}, {"epochs": 0}])
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        build(FinetuneConfig, settings)


def test_end_to_end_rate_and_patience_are_towers_and_epochs_and_batch_size_medmnists() -> None:
    recipe = FinetuneRecipe.of(FinetuneConfig())
    assert (recipe.lr, recipe.epochs, recipe.patience, recipe.weight_decay) == (2e-4, 100, 30, 0.0)
    assert recipe.batch_size_for(10_000) == 128
    assert isinstance(recipe.view(28, 1, (0.5,), (0.5,)), RandomCrop)


def test_frozen_every_epoch_is_trained_on_plain_features() -> None:
    recipe = FinetuneRecipe.of(FinetuneConfig(frozen=True, epochs=50))
    assert (recipe.lr, recipe.patience, recipe.augment) == (1e-3, 50, False)


def test_what_is_asked_for_is_taken() -> None:
    recipe = FinetuneRecipe.of(FinetuneConfig(lr=0.1, patience=3, batch_size=7, augment=False))
    assert (recipe.lr, recipe.patience, recipe.batch_size_for(1000)) == (0.1, 3, 7)
    assert isinstance(recipe.view(28, 1, (0.5,), (0.5,)), Plain)


@pytest.mark.parametrize(
    ("images", "batch_size"), [(4708, 128), (512, 128), (471, 117), (54, 13), (47, 11), (20, 8), (5, 5), (2, 2)]
)
def test_few_images_get_small_batches(images: int, batch_size: int) -> None:
    assert FinetuneRecipe.of(FinetuneConfig()).batch_size_for(images) == batch_size

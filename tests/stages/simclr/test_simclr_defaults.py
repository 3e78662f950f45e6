"""SimCLR's automatic values at the edges of each rule, the crops of its appendix, its two optimisers, its warm-up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from fastssl.errors import ConfigError
from fastssl.pipelines import TwoCrops
from fastssl.stages.registry import train_config
from fastssl.stages.simclr.defaults import (
    SimCLRDefaults,
    auto_lr,
    auto_min_crop,
    auto_optimizer,
    auto_strength,
    auto_temperature,
    auto_warm_up,
)
from fastssl.stages.simclr.lars import LARS
from fastssl.stages.simclr.settings import SimCLRConfig, SimCLRSettings
from fastssl.stages.stage_defaults import RunInfo
from fastssl.training.resolve import resolve

DEFAULTS = SimCLRDefaults()


def resolved(channels: int = 1, size: int = 32, batch_norm: bool = True, **settings: Any) -> SimCLRSettings:
    """What a run of 100 epochs of 5000 images is trained by."""
    info = RunInfo(images=5000, channels=channels, size=size, batch_norm=batch_norm)
    shared = {"encoder": ("test_resnet", "as it is"), "size": (size, "as it is"), "stem": ("standard", "as it is")}
    shared["monitor"] = ("off", "as it is")
    found = resolve(SimCLRConfig(**settings), DEFAULTS, info, name="tiny", shared=shared).settings
    assert isinstance(found, SimCLRSettings)
    return found


def view(channels: int, size: int, **settings: Any) -> TwoCrops:
    return DEFAULTS.view(resolved(channels, size, **settings), RunInfo(images=5000, channels=channels, size=size))


def test_lars_is_for_encoders_like_the_papers() -> None:
    assert auto_optimizer(batch_norm=True)[0] == "lars"
    assert auto_optimizer(batch_norm=False)[0] == "adamw"


@pytest.mark.parametrize(("batch_size", "lr"), [(256, 1.2), (1024, 2.4), (4095, 4.7994), (4096, 4.8), (8192, 9.6)])
def test_the_rate_of_lars_follows_the_papers_two_rules_which_meet_at_4096(batch_size: int, lr: float) -> None:
    assert auto_lr("lars", batch_size)[0] == pytest.approx(lr, rel=1e-4)
    assert auto_lr("adamw", batch_size)[0] == 1e-3


def test_rate_and_decay_are_those_of_the_optimiser_that_is_used() -> None:
    runs = [resolved(batch_norm=True), resolved(batch_norm=False), resolved(batch_norm=True, optimizer="adamw")]
    found = [(run.optimizer, run.lr, run.weight_decay) for run in runs]
    lars, adamw = ("lars", pytest.approx(0.075 * 128**0.5), 1e-6), ("adamw", 1e-3, 1e-4)
    assert found == [lars, adamw, adamw]
    assert resolved(lr=0.5, weight_decay=0.0).lr == 0.5


@pytest.mark.parametrize(
    ("steps_per_epoch", "steps", "share"),
    [(40, 4000, 0.1), (40, 8000, 0.05), (40, 3960, 0.1), (40, 1, 0.1), (0, 200, 0.05)],
)
def test_the_rate_rises_for_ten_epochs_but_at_most_for_a_tenth_of_the_run(
    steps_per_epoch: int, steps: int, share: float
) -> None:
    assert auto_warm_up(steps_per_epoch, steps)[0] == pytest.approx(share)


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"steps": 400}, 40),
        ({"epochs": 200}, 390),  # ten epochs of 39 steps
        ({"steps": 400, "warm_up": 0}, 0),
        ({"steps": 10, "warm_up": 0.99}, 9),  # one is left for the cosine
        ({"steps": 1}, 0),
    ],
)
def test_the_warm_up_is_in_whole_steps_and_leaves_one(settings: dict[str, Any], steps: int) -> None:
    assert DEFAULTS.warm_up_steps(resolved(**settings)) == steps


def test_small_images_have_the_values_of_cifar_and_large_ones_those_of_imagenet() -> None:
    assert [auto_temperature(size)[0] for size in (28, 64, 65, 224)] == [0.5, 0.5, 0.1, 0.1]
    assert [auto_strength(size, coloured=True)[0] for size in (28, 64, 65, 224)] == [0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("channels", "rgb", "strength", "crop"),
    [(1, True, 0.25, 0.4), (3, True, 1.0, 0.08), (4, True, 0.25, 0.4), (3, False, 0.25, 0.4)],
)
def test_images_without_colour_are_changed_less(channels: int, rgb: bool, strength: float, crop: float) -> None:
    coloured = RunInfo(images=10, channels=channels, size=224, rgb=rgb).coloured
    assert (auto_strength(224, coloured=coloured)[0], auto_min_crop(coloured=coloured)[0]) == (strength, crop)


def test_crops_of_colour_images_are_those_of_the_papers_appendix() -> None:
    paper = {"horizontal_flip": 0.5, "jitter": 0.8, "greyscale": 0.2, "scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3)}
    imagenet = {"brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2, "blur": 0.5, "blur_sigma": (0.1, 2)}
    cifar = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "blur": 0.0}
    for size, values in ((224, paper | imagenet), (32, paper | cifar)):
        made = view(3, size)
        for name, value in values.items():
            assert getattr(made, name) == pytest.approx(value), name


def test_crops_without_colour_have_no_colour_operation() -> None:
    made = view(1, 28, strength=0.5, min_crop=0.2)
    assert (made.saturation, made.hue, made.greyscale, made.scale) == (0, 0, 0, (0.2, 1.0))
    assert (made.brightness, made.contrast) == (0.4, 0.4)


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("lars", LARS)])
def test_biases_and_norms_are_neither_decayed_nor_adapted(name: str, kind: type[torch.optim.Optimizer]) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    made = DEFAULTS.optimizer(resolved(optimizer=name, lr=0.5, weight_decay=0.3))(list(model.parameters()))
    assert isinstance(made, kind)
    group_of = {id(p): group for group in made.param_groups for p in group["params"]}
    found = [group_of[id(p)] for p in model.parameters()]
    assert [group["weight_decay"] for group in found] == [0.3, 0, 0, 0, 0.3, 0]
    assert {group["lr"] for group in found} == {0.5}
    if name == "lars":
        assert [group["adapt"] for group in found] == [True, False, False, False, True, False]
        assert {(group["momentum"], group["trust"]) for group in found} == {(0.9, 0.001)}


def test_the_encoder_is_the_papers_where_there_is_a_gpu() -> None:
    assert DEFAULTS.encoder(on_cuda=True)[0] == "resnet50"
    assert DEFAULTS.encoder(on_cuda=False)[0] == "resnet18"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"temperature": 0}, "temperature=0: input should be greater than 0"),
        ({"strength": 1.5}, "strength=1.5: input should be less than or equal to 1"),
        ({"strength": -1}, "strength=-1: input should be greater than or equal to 0"),
        ({"min_crop": 0}, "min_crop=0: input should be greater than 0"),
        ({"min_crop": 1}, "min_crop=1: input should be less than 1"),
        ({"optimizer": "sgd"}, "optimizer='sgd': input should be 'auto', 'lars' or 'adamw'"),
        ({"warm_up": 1}, "warm_up=1: input should be less than 1"),
        ({"queue_size": 8}, "queue_size is a setting of --stage moco, not of --stage simclr"),
    ],
    ids=str,
)
def test_values_out_of_range_and_others_settings_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        train_config({"stage": "simclr", **settings})
    assert list(caught.value.problems) == [problem]

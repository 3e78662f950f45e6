"""What "auto" becomes, at the edges of each rule."""

from __future__ import annotations

from typing import Any

import pytest

from fastssl.config.train import DEMO, DEMO_COLOUR
from fastssl.data.named import demo
from fastssl.errors import ConfigError
from fastssl.stages.registry import stage_defaults, train_config
from fastssl.stages.stage_defaults import RunInfo
from fastssl.training.resolve import DEMO_MINUTES, Resolved, auto_stem, resolve, with_length


@pytest.mark.parametrize(
    ("size", "on_cuda", "resnet_stem", "stem"),
    [
        (40, True, True, "small"),
        (41, True, True, "standard"),
        (40, False, True, "standard"),
        (28, True, False, "standard"),
    ],
)
def test_the_stem_is_small_for_small_images_on_a_gpu(size: int, on_cuda: bool, resnet_stem: bool, stem: str) -> None:
    assert auto_stem(size, on_cuda=on_cuda, resnet_stem=resnet_stem)[0] == stem


def resolved(images: int = 100, **settings: Any) -> Resolved:
    config = train_config({"batch_size": 32} | settings)
    shared = {"encoder": ("resnet18", "the stage's own"), "size": (28, "as it is"), "stem": ("standard", "as it is")}
    shared["monitor"] = ("off", "as it is")
    shared["value_range"] = ("full", "as it is")
    info = RunInfo(images=images, channels=1, size=28)
    return resolve(config, stage_defaults(config.stage), info, name="tiny", shared=shared)


def test_nothing_automatic_is_left_but_what_the_device_decides() -> None:
    settings = resolved().settings
    undecided = {name for name in type(settings).model_fields if getattr(settings, name) is None}
    left_open = {"recipe", "data_root", "init", "epochs", "minutes", "stop_after", "out", "checkpoint_every"}
    left_open |= {"labels", "path_column", "split_column", "group"}
    assert undecided == left_open | {"amp", "compile", "threads"}


def test_what_was_asked_for_stays() -> None:
    asked = {"lr": 0.5, "queue_size": 7, "bn_splits": 4, "size": 16, "stem": "standard"}
    outcome = resolved(**asked)
    assert {name: getattr(outcome.settings, name) for name in asked} == asked
    assert all(setting.reason == "as asked" for setting in outcome.reasons if setting.name in asked)


@pytest.mark.parametrize(
    ("settings", "steps", "epochs"),
    [({}, 300, "100"), ({"epochs": 2}, 6, "2"), ({"steps": 7}, 7, "2.33"), ({"batch_size": 100}, 100, "100")],
)
def test_the_length_is_counted_in_whole_batches(settings: dict[str, int], steps: int, epochs: str) -> None:
    outcome = resolved(100, **settings)
    assert outcome.settings.steps == steps
    assert outcome.reasons[0].reason.startswith(f"{epochs} epochs of ")


@pytest.mark.parametrize(
    ("settings", "minutes"),
    [
        ({}, DEMO_MINUTES),
        ({"stage": "pretext"}, DEMO_MINUTES),
        ({"data": "demo-colour"}, DEMO_MINUTES),
        ({"data": "./demo"}, None),
        ({"data": "sets/demo.npz"}, None),
        ({"epochs": 3}, None),
        ({"steps": 3}, None),
        ({"minutes": 1.5}, 1.5),
    ],
    ids=str,
)
def test_only_the_demo_data_have_a_budget_unless_a_length_is_given(
    settings: dict[str, Any], minutes: float | None
) -> None:
    config, reason = with_length(train_config(settings))
    assert config.minutes == minutes
    assert (reason == "") == (minutes != DEMO_MINUTES)


def test_the_demo_data_of_the_settings_can_be_opened() -> None:
    assert {DEMO, DEMO_COLOUR} == set(demo.NAMES)


def test_every_automatic_setting_is_told_with_its_reason() -> None:
    told = {setting.name: setting for setting in resolved().reasons}
    shared = {"length", "encoder", "size", "stem", "lr", "weight_decay", "value_range", "temperature", "monitor"}
    assert set(told) == shared | {"momentum", "queue_size", "bn_splits", "rotation"}
    assert told["lr"].value == "0.015"  # 32 images, 300 steps
    assert told["length"].value == "300 steps"
    assert all(setting.reason for setting in told.values())


@pytest.mark.parametrize(
    ("settings", "images", "problems"),
    [
        ({"batch_size": 32}, 32, []),
        ({"batch_size": 33}, 32, ["batch_size=33: tiny has only 32 training images"]),
        ({"batch_size": 32, "bn_splits": 5}, 32, ["bn_splits=5: must divide batch_size=32"]),
        ({"batch_size": 32, "bn_splits": 16}, 32, []),
        ({"batch_size": 32, "bn_splits": 32}, 32, ["bn_splits=32: leaves one image per group"]),
        ({"batch_size": 33, "bn_splits": 2}, 32, ["batch_size=33", "bn_splits=2: must divide"]),
    ],
)
def test_settings_that_do_not_fit_the_data_are_all_named(
    settings: dict[str, int], images: int, problems: list[str]
) -> None:
    found: tuple[str, ...] = ()
    try:
        resolved(images, **settings)
    except ConfigError as error:
        found = error.problems
    assert len(found) == len(problems)
    assert all(text.startswith(start) for text, start in zip(found, problems, strict=True))


def test_a_runs_own_settings_come_back_as_they_are_and_are_not_checked_again() -> None:
    settings = resolved(lr=0.5).settings
    again = resolve(settings, stage_defaults("moco"), RunInfo(images=3, channels=1, size=28), name="few", shared={})
    assert again.settings == settings

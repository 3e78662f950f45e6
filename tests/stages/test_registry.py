"""The registry: a class of settings for every stage and recipe, whose setting is whose, and names that do not exist."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
from pydantic_core import PydanticUndefined

from fastssl.config import build
from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.errors import ConfigError
from fastssl.stages.registry import (
    RECIPE_CONFIGS,
    RECIPE_NAMES,
    RECIPE_STAGES,
    STAGES,
    config_class,
    every_stage,
    owners_of,
    stage_defaults,
    stage_entry,
    train_config,
)
from fastssl.stages.stage_defaults import StageDefaults

each_stage = pytest.mark.parametrize("stage", STAGES)

CHOSEN_BY_STAGE = {
    "moco": {"temperature", "queue_size", "momentum", "bn_splits", "rotation"},
    "pretext": {"patch"},
    "vae": set(),
}
"""Stage -> its own settings that are "auto" when asked for, and always a value once resolved."""


@each_stage
def test_every_stage_has_its_classes_and_is_named_by_them(stage: str) -> None:
    entry = stage_entry(stage)
    assert issubclass(entry.config, TrainConfig)
    assert issubclass(entry.settings, entry.config)
    assert issubclass(entry.settings, TrainingSettings)
    assert entry.config().stage == entry.settings.model_fields["stage"].default == stage
    assert isinstance(stage_defaults(stage), StageDefaults)
    assert entry.title.lower() == stage
    assert "{run}" in entry.next_command
    assert entry.follows in ("", *STAGES)


@each_stage
def test_the_class_of_a_stage_has_its_settings_and_defaults_and_takes_every_stages_name(stage: str) -> None:
    kind, own = config_class(stage), stage_entry(stage).config
    assert issubclass(kind, own)
    assert kind.model_fields.keys() == own.model_fields.keys()
    assert kind() == kind(stage=stage)
    assert {name: value for name, value in kind() if name != "stage"} == dict(own().model_dump(exclude={"stage"}))
    assert set(get_args(kind.model_fields["stage"].annotation)) == set(STAGES)
    assert config_class(stage) is kind


@pytest.mark.parametrize("recipe", RECIPE_STAGES)
def test_the_class_of_a_recipe_has_the_settings_of_all_its_stages(recipe: str) -> None:
    kind = config_class(recipe=recipe)
    own = [stage_entry(stage).config for stage in RECIPE_STAGES[recipe]]
    assert all(issubclass(kind, config) for config in own)
    assert kind.model_fields.keys() == {name for config in own for name in config.model_fields}


@pytest.mark.parametrize("recipe", RECIPE_CONFIGS)
def test_the_class_of_a_recipe_with_settings_of_its_own_has_those_of_no_stage(recipe: str) -> None:
    kind, own = config_class(recipe=recipe), RECIPE_CONFIGS[recipe]
    assert issubclass(kind, own)
    assert kind.model_fields.keys() == own.model_fields.keys()
    assert set(get_args(kind.model_fields["stage"].annotation)) == set(STAGES)
    assert not {"queue_size", "tasks", "beta"} & kind.model_fields.keys()


def test_a_recipe_takes_the_data_of_the_stage_that_needs_colours() -> None:
    assert [config_class(stage)().data for stage in ("moco", "pretext")] == ["demo", "demo-colour"]
    assert config_class(recipe="mtcp")().data == "demo-colour"


def test_recipes_are_of_stages_that_exist_and_those_that_may_be_asked_for() -> None:
    assert {stage for stages in RECIPE_STAGES.values() for stage in stages} <= STAGES.keys()
    allowed = [word for part in get_args(TrainConfig.model_fields["recipe"].annotation) for word in get_args(part)]
    assert tuple(allowed) == RECIPE_NAMES
    assert set(RECIPE_NAMES) == RECIPE_STAGES.keys() | RECIPE_CONFIGS.keys()


@each_stage
def test_what_is_automatic_when_asked_for_is_required_once_it_is_resolved(stage: str) -> None:
    settings = stage_entry(stage).settings
    required = {name for name, field in settings.model_fields.items() if field.default is PydanticUndefined}
    assert required >= {"size", "stem", "steps", "lr", "weight_decay"}
    assert required >= CHOSEN_BY_STAGE.get(stage, set())
    with pytest.raises(ConfigError, match="field required"):
        build(settings, {})


def test_a_setting_belongs_to_the_stages_whose_class_has_it() -> None:
    assert owners_of("queue_size") == ("moco",)
    assert owners_of("beta") == ("vae",)
    assert {"moco", "tower"} <= set(owners_of("temperature"))
    assert owners_of("lr") == owners_of("stage") == owners_of("queue_sice") == ()
    for stage in STAGES:
        own = stage_entry(stage).config.model_fields.keys() - TrainConfig.model_fields.keys()
        assert all(stage in owners_of(name) for name in own)
    own = [stage_entry(stage).config for stage in STAGES]
    assert every_stage().model_fields.keys() == {
        name for kind in (*own, *RECIPE_CONFIGS.values()) for name in kind.model_fields
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stage": "mocco"}, "stage='mocco': no such stage, did you mean 'moco'?"),
        ({"stage": "towers"}, "stage='towers': no such stage, did you mean 'tower'?"),
        ({"stage": "zzz"}, f"stage='zzz': no such stage, give one of {', '.join(STAGES)}"),
        ({"recipe": "mtpc"}, "recipe='mtpc': no such recipe, did you mean 'mtcp'?"),
        ({"recipe": "zzz"}, f"recipe='zzz': no such recipe, give one of {', '.join(RECIPE_NAMES)}"),
        ({"stage": "vae", "queue_size": 8}, "queue_size is a setting of --stage moco, not of --stage vae"),
        ({"recipe": "vae", "tasks": "jigsaw"}, "tasks is a setting of --stage pretext, not of --recipe vae"),
        ({"queue_sice": 8}, "unknown setting 'queue_sice', did you mean 'queue_size'?"),
    ],
    ids=str,
)
def test_a_name_that_does_not_exist_or_belong_here_is_one_line(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        train_config(settings)
    assert str(caught.value) == message


def test_the_settings_of_all_stages_are_found_without_torch() -> None:
    program = (
        "import sys; from fastssl.stages.registry import STAGES, RECIPE_STAGES, config_class, every_stage\n"
        "found = [config_class(name) for name in STAGES], [config_class(recipe=name) for name in RECIPE_STAGES]\n"
        "assert every_stage()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_setting_of_another_stage_hides_no_other_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        train_config({"stage": "vae", "queue_size": 8, "lr": -1, "stpes": 3})
    named = [problem.split("=")[0] for problem in caught.value.problems]
    assert named[0] == "queue_size is a setting of --stage moco, not of --stage vae"
    assert sorted(named[1:]) == ["lr", "unknown setting 'stpes', did you mean 'steps'?"]

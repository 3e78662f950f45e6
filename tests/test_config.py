"""Settings: every problem at once, one meaning for the command line and for Python, "auto" where it is offered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastssl.cli import CONFIGS, app
from fastssl.config import Config, ProbeConfig, TrainConfig, build, coerce_config, stage_of
from fastssl.errors import ConfigError

FIELDS = [(kind, name) for kind in (TrainConfig, ProbeConfig) for name in kind.model_fields]
CANDIDATES = (
    8,
    0.5,
    "cpu",
    "dali",
    "small",
    "moco",
    "random",
    "mtcp",
    "generative",
    "bezier",
    "ray",
    "inpaint",
    "jigsaw=2",
    "all",
    "bf16",
    True,
)


def parsed(kind: type[Config], *options: str) -> Config:
    """What the command line makes of `options`."""
    command = ["train"] if kind is TrainConfig else ["probe", "run"]
    _, bound, _ = app.parse_args([*command, *options], exit_on_error=False, print_error=False)
    return bound.arguments.get("config", kind())


def company(kind: type[Config], name: str) -> dict[str, str]:
    """What must be set beside the field: the stage that it is a setting of, where that is not the default one."""
    stage = stage_of(name) if kind is TrainConfig else None
    return {} if stage in (None, TrainConfig().stage) else {"stage": stage}


def accepted(kind: type[Config], name: str) -> Any:
    """Some value that the field takes, another than its default where there is one."""
    values = []
    for value in CANDIDATES:
        try:
            values.append(getattr(build(kind, {name: value} | company(kind, name)), name))
        except ConfigError:
            continue
    return next((value for value in values if value != kind.model_fields[name].default), values[0])


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_the_command_line_and_python_agree_on_every_field(kind: type[Config], name: str) -> None:
    value = accepted(kind, name)
    settings = {name: value} | company(kind, name)
    options = [(f"--{name.replace('_', '-')}", value) for name, value in settings.items()]
    typed = parsed(kind, *[part for option, value in options for part in (option, str(value)) if part != "True"])
    assert typed == build(kind, settings)
    assert typed.model_fields_set == set(settings)


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_every_field_says_what_it_means(kind: type[Config], name: str) -> None:
    assert kind.model_fields[name].description


AUTOMATIC = ("size", "amp", "lr", "momentum", "weight_decay", "queue_size", "bn_splits", "compile", "checkpoint_every")


@pytest.mark.parametrize("name", AUTOMATIC)
def test_auto_stands_for_a_value_that_is_chosen_later(name: str) -> None:
    assert getattr(build(TrainConfig, {name: "auto"}), name) is None
    assert TrainConfig.model_fields[name].default is None


@pytest.mark.parametrize("name", [name for name in AUTOMATIC if name not in ("amp", "compile")])
def test_auto_can_be_typed(name: str) -> None:
    assert getattr(parsed(TrainConfig, f"--{name.replace('_', '-')}", "auto"), name) is None


def test_a_switch_can_be_turned_on_off_or_left_to_us() -> None:
    amp = [parsed(TrainConfig, *options).amp for options in (["--amp"], ["--no-amp"], [])]
    assert amp == [True, False, None]


def test_terms_and_transforms_are_given_with_commas_or_as_a_sequence_in_any_order() -> None:
    assert parsed(TrainConfig, "--stage", "tower", "--terms", "generative,contrastive") == TrainConfig(stage="tower")
    assert build(TrainConfig, {"stage": "tower", "transforms": ["mask"]}).transforms == "mask"
    for wrong in ("", "curve", "bezier,curve", 3, []):
        with pytest.raises(ConfigError, match=r"^transforms=.*give one or more of bezier, mask, with commas between$"):
            build(TrainConfig, {"stage": "tower", "transforms": wrong})


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        build(TrainConfig, {"batch_sise": 3, "lr": -1.0, "epochs": 0, "stage": "mocco", "weight_decay": float("nan")})
    text = " ".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    assert "unknown setting 'batch_sise', did you mean 'batch_size'?" in text
    for name in ("lr=-1.0", "epochs=0", "stage='mocco'", "weight_decay=nan"):
        assert name in text
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 1},
        {"size": 7},
        {"size": 1025},
        {"device": "gpu"},
        {"device": "cuda:"},
        {"momentum": 1.0},
        {"momentum": -0.1},
        {"temperature": 0.0},
        {"temperature": float("inf")},
        {"seed": -1},
        {"seed": 2**32},
        {"bn_splits": 0},
        {"queue_size": 2.5},
        {"stem": "tiny"},
        {"pipeline": "cv2"},
    ],
    ids=str,
)
def test_a_value_out_of_range_is_named(settings: dict[str, Any]) -> None:
    ((name, value),) = settings.items()
    with pytest.raises(ConfigError, match=f"^{name}={value!r}: [^\n]+$"):
        build(TrainConfig, settings)


@pytest.mark.parametrize("pair", [("epochs", "steps"), ("resume", "overwrite")])
def test_settings_that_contradict_each_other_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"^{pair[0]} and {pair[1]} both given: give one$"):
        build(TrainConfig, dict.fromkeys(pair, 1))


@pytest.mark.parametrize("kind", CONFIGS.values(), ids=lambda kind: kind.__name__)
def test_a_call_takes_a_configuration_or_its_fields_and_not_both(kind: type[Config]) -> None:
    given = kind(seed=3)
    assert coerce_config(kind, given, {}) is given
    assert coerce_config(kind, None, {"seed": 4}) == kind(seed=4)
    with pytest.raises(TypeError, match=f"^give a {kind.__name__} or settings, not both \\(got seed beside it\\)$"):
        coerce_config(kind, given, {"seed": 4})


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainConfig().lr = 1.0  # type: ignore[misc]


def test_paths_become_paths() -> None:
    assert build(TrainConfig, {"out": "runs/a"}).out == Path("runs/a")

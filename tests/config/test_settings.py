"""Settings: every problem at once, one meaning for the command line and for Python, "auto" where it is offered."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from fastssl.cli import CONFIGS, main
from fastssl.config import Config, ProbeConfig, TrainConfig, build, coerce_config
from fastssl.errors import ConfigError
from fastssl.stages.registry import STAGES, config_class

KINDS: dict[str, type[Config]] = {
    **{f"train --stage {name}": config_class(name) for name in STAGES},
    "probe run": ProbeConfig,
}
"""The beginning of a command line -> the class of its settings."""

FIELDS = [
    *(("train --stage moco", name) for name in TrainConfig.model_fields if name != "stage"),
    *(
        (command, name)
        for command, kind in KINDS.items()
        for name in kind.model_fields
        if command == "probe run" or name not in TrainConfig.model_fields
    ),
]
"""(command, setting): those that all stages share, each stage's own, and those of probe."""

VALUES: tuple[Any, ...] = (
    8,
    0.5,
    "cpu",
    "generative",
    "bezier",
    "inpaint",
    "jigsaw=2",
    "full",
    "timm:m",
    "40,400",
    True,
)
WITH = {"imagenet_weights": {"imagenet": "m"}}
"""Setting -> what it is given with."""


def parsed(command: str, *options: str) -> Any:
    """What the command line makes of `options`."""
    seen: list[Any] = []
    kind = KINDS.get(command, KINDS["train --stage moco"])

    def catch(*_: Any, config: Config | None = None, **__: Any) -> None:
        seen.append(kind() if config is None else config)

    words = command.split()
    assert main([*words, *options], commands={words[0]: catch}) == 0
    return seen[0]


def words_of(hint: Any) -> list[str]:
    """The words that a type such as `Literal["a", "b"] | None` takes."""
    parts = get_args(hint)
    return list(parts) if get_origin(hint) is Literal else [word for part in parts for word in words_of(part)]


def accepted(kind: type[Config], name: str) -> Any:
    """Some value that the field takes, another than its default where there is one."""
    values = []
    for value in (*VALUES, *words_of(kind.model_fields[name].annotation)):
        try:
            values.append(getattr(build(kind, {name: value, **WITH.get(name, {})}), name))
        except ConfigError:
            continue
    return next((value for value in values if value != kind.model_fields[name].default), values[0])


def as_options(name: str, value: Any) -> list[str]:
    """The option that gives a setting this value."""
    option = f"--{name.replace('_', '-')}"
    return [option] if value is True else [option, *map(str, value if isinstance(value, tuple) else (value,))]


@pytest.mark.parametrize(("command", "name"), FIELDS)
def test_the_command_line_and_python_agree_on_every_field(command: str, name: str) -> None:
    kind = KINDS[command]
    value = accepted(kind, name)
    if name == "recipe":
        command = "train"
    others = WITH.get(name, {})
    more = [word for other, text in others.items() for word in as_options(other, text)]
    typed = parsed(command, *as_options(name, value), *more)
    assert getattr(typed, name) == getattr(build(kind, {name: value, **others}), name) == value
    assert typed.model_fields_set - {"stage"} == {name, *others}


@pytest.mark.parametrize(("command", "name"), FIELDS)
def test_every_field_says_what_it_means(command: str, name: str) -> None:
    assert KINDS[command].model_fields[name].description


AUTOMATIC = ("size", "amp", "lr", "momentum", "weight_decay", "queue_size", "bn_splits", "compile", "checkpoint_every")


@pytest.mark.parametrize("name", AUTOMATIC)
def test_auto_stands_for_a_value_that_is_chosen_later(name: str) -> None:
    kind = config_class("moco")
    assert getattr(build(kind, {name: "auto"}), name) is None
    assert kind.model_fields[name].default is None


@pytest.mark.parametrize("name", [name for name in AUTOMATIC if name not in ("amp", "compile")])
def test_auto_can_be_typed(name: str) -> None:
    assert getattr(parsed("train --stage moco", f"--{name.replace('_', '-')}", "auto"), name) is None


def test_a_switch_can_be_turned_on_off_or_left_to_us() -> None:
    amp = [parsed("train", *options).amp for options in (["--amp"], ["--no-amp"], [])]
    assert amp == [True, False, None]


def test_every_problem_is_reported_at_once() -> None:
    settings = {"batch_sise": 3, "lr": -1.0, "epochs": 0, "pipeline": "cv2", "weight_decay": float("nan")}
    with pytest.raises(ConfigError) as caught:
        build(TrainConfig, settings)
    text = " ".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    assert "unknown setting 'batch_sise', did you mean 'batch_size'?" in text
    for name in ("lr=-1.0", "epochs=0", "pipeline='cv2'", "weight_decay=nan"):
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
        {"stage": "mocco"},
    ],
    ids=str,
)
def test_a_value_out_of_range_is_named(settings: dict[str, Any]) -> None:
    ((name, value),) = settings.items()
    with pytest.raises(ConfigError, match=f"^{name}={value!r}: [^\n]+$"):
        build(config_class("moco"), settings)


@pytest.mark.parametrize("pair", [("epochs", "steps"), ("resume", "overwrite")])
def test_settings_that_contradict_each_other_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"^{pair[0]} and {pair[1]} both given: give one$"):
        build(TrainConfig, dict.fromkeys(pair, 1))


@pytest.mark.parametrize("kind", CONFIGS.values(), ids=lambda kind: kind.__name__)
def test_a_call_takes_a_configuration_or_its_fields_and_not_both(kind: type[Config]) -> None:
    known = {"size": (128, 64), "sizes": (128, 64), "format": ("onnx", "hf")}
    name, (one, other) = next((name, values) for name, values in known.items() if name in kind.model_fields)
    given = build(kind, {name: one})
    assert coerce_config(kind, given, {}) is given
    assert coerce_config(kind, None, {name: other}) == build(kind, {name: other})
    with pytest.raises(TypeError, match=f"^give a {kind.__name__} or settings, not both \\(got {name} as well\\)$"):
        coerce_config(kind, given, {name: other})


@pytest.mark.parametrize("kind", CONFIGS.values(), ids=lambda kind: kind.__name__)
def test_alternatives_are_settings_that_exist(kind: type[Config]) -> None:
    assert {name for pair in kind.alternatives for name in pair} <= set(kind.model_fields)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainConfig().lr = 1.0


def test_paths_become_paths() -> None:
    assert build(TrainConfig, {"out": "runs/a"}).out == Path("runs/a")

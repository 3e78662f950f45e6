"""Paths among settings: ~ in every one of every command, what is no path, numbers of other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fastssl
from fastssl.cli import CONFIGS, main
from fastssl.config import Config, build
from fastssl.errors import ConfigError, FastSSLError

SETTINGS = [
    (command, name)
    for command, kind in CONFIGS.items()
    for name, field in kind.model_fields.items()
    if "Path" in str(field.annotation)
]
"""(command, setting): all that are paths, so that one which is added is among them."""
WITH = {"images": {"masks": "m"}, "masks": {"images": "i"}, "imagenet_weights": {"imagenet": "resnet18"}}
WITH |= {name: {"images": "i", "masks": "m"} for name in ("fov", "split")}
"""Setting -> what it is given with."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def typed(command: str, *options: str) -> Any:
    """The settings of a command line."""
    seen: list[Any] = []
    commands = {command: lambda *_, config=None, **__: seen.append(config)}
    assert (
        main([command, *([] if command in ("train", "estimate", "pack") else ["run"]), *options], commands=commands)
        == 0
    )
    return seen[0]


def test_paths_are_settings_of_every_command() -> None:
    assert {command for command, _ in SETTINGS} == set(CONFIGS)


@pytest.mark.parametrize(("command", "name"), SETTINGS)
def test_the_home_folder_is_understood_wherever_a_setting_comes_from(
    command: str, name: str, home: Path, tmp_path: Path
) -> None:
    others = WITH.get(name, {}) if command in ("segment", "probe", "fewshot", "finetune") else {}
    option = name.replace("_", "-")
    more = [f"--{other.replace('_', '-')}={value}" for other, value in others.items()]
    (tmp_path / "f.yaml").write_text(f"{name}: ~/x\n" + "".join(f"{key}: {value}\n" for key, value in others.items()))
    for lines in ([f"--{option}=~/x", *more], [f"--{option}", "~/x", *more], ["--config", str(tmp_path / "f.yaml")]):
        assert getattr(typed(command, *lines), name) == home / "x"
    for given in ("~/x", Path("~/x")):
        assert getattr(build(CONFIGS[command], {name: given, **others}), name) == home / "x"


@pytest.mark.parametrize(("command", "name"), SETTINGS)
@pytest.mark.parametrize("text", ["", "~nobody-of-this-name/x", "a\0b"])
def test_what_is_no_path_is_refused_by_name(command: str, name: str, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        build(CONFIGS[command], {name: text})
    assert any(problem.startswith(f"{name}={text!r}: ") for problem in error.value.problems)


@pytest.mark.parametrize("run", ["", "~nobody-of-this-name/x", "a\0b", 3, None])
def test_a_run_that_is_no_path_is_refused_before_anything_is_opened(run: Any) -> None:
    for call in (fastssl.probe, fastssl.fewshot, fastssl.finetune, fastssl.segment):
        with pytest.raises(FastSSLError, match=r"^run"):
            call([run])
    if run is not None:
        with pytest.raises(ConfigError, match=r"^run"):
            fastssl.preview(run)


@pytest.mark.parametrize("command", ["probe", "fewshot", "finetune", "segment", "preview"])
def test_a_run_on_the_command_line_may_be_in_the_home_folder(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []
    assert main([command, "~/runs/a"], commands={command: lambda *runs, **_: seen.extend(runs)}) == 0
    assert seen == [home / "runs/a"]
    assert main([command, ""]) == 2
    assert capsys.readouterr().err == "fastssl: error: run '': give a path\n"


WITH_DATA = [kind for kind in CONFIGS.values() if "data" in kind.model_fields]


@pytest.mark.parametrize("kind", WITH_DATA, ids=lambda kind: kind.__name__)
def test_data_may_be_given_as_a_path_and_not_as_nothing(kind: type[Config]) -> None:
    if kind is not CONFIGS["segment"]:
        assert build(kind, {"data": Path("a/b")}).data == "a/b"
    for text in ("", "  ", "a\0b"):
        with pytest.raises(ConfigError, match=r"^data="):
            build(kind, {"data": text})


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("lr", np.float32(0.5), 0.5),
        ("lr", np.float64(0.5), 0.5),
        ("lr", torch.tensor(0.5), 0.5),
        ("lr", np.array(0.5), 0.5),
        ("batch_size", np.int64(7), 7),
        ("batch_size", np.uint8(7), 7),
        ("batch_size", torch.tensor(7), 7),
        ("amp", np.bool_(True), True),
        ("encoder", np.str_("resnet18"), "resnet18"),
        ("value_range", np.array([0, 4095]), "0,4095"),
        ("data", 123, "123"),
    ],
)
def test_numbers_of_numpy_and_pytorch_are_numbers(name: str, given: Any, stored: Any) -> None:
    value = getattr(build(CONFIGS["train"], {name: given}), name)
    assert value == stored
    assert type(value) is type(stored)


@pytest.mark.parametrize("given", ["x" * 9000, list(range(9000)), np.zeros(9000), {"a": {"b": ["c" * 9000]}}, object()])
def test_a_bad_value_is_shown_in_a_few_words(given: Any) -> None:
    with pytest.raises(ConfigError, match=r"^lr=") as error:
        build(CONFIGS["train"], {"lr": given})
    assert len(str(error.value)) < 300

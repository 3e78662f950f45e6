"""Help: of a command every setting that it takes and no other, within two screens."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cyclopts import Parameter
from pydantic.fields import FieldInfo

from fastssl.cli import CONFIGS, main
from fastssl.cli.commands import OF_A_STAGE
from fastssl.config import Config
from fastssl.config.base import SCANS
from fastssl.stages.registry import RECIPE_NAMES, STAGES, config_class, stage_entry

LINES, COLUMNS = 76, 100
LINES_OF_TWO = 80
"""Of a recipe that lists the settings of two stages, or of two tasks."""
ESTIMATE = 4
"""Lines that `estimate` has more than `train`: a box of two options."""

HELP: list[tuple[list[str], type[Config]]] = [
    (["train"], config_class("moco")),
    *((["train", "--stage", stage], config_class(stage)) for stage in STAGES),
    *((["train", f"--recipe={recipe}"], config_class(recipe=recipe)) for recipe in RECIPE_NAMES),
    (["estimate"], config_class("moco")),
    (["estimate", "--recipe=mtcp"], config_class(recipe="mtcp")),
    *(([name], kind) for name, kind in CONFIGS.items() if name not in OF_A_STAGE),
]


def options_of(kind: type[Config]) -> dict[str, FieldInfo]:
    """The settings that are options: all but those that a recipe does not take."""
    return {
        name: field for name, field in kind.model_fields.items() if not str(field.description).startswith("Not taken")
    }


def is_of_scans(kind: type[Config], name: str) -> bool:
    """Whether a setting is explained on the page of `fastssl inspect` alone."""
    parameters = [part for part in kind.model_fields[name].metadata if isinstance(part, Parameter)]
    return any(SCANS in (parameter.group or ()) for parameter in parameters)


ALL_NAMES = {name for _, kind in HELP for name in options_of(kind)}


@pytest.mark.parametrize(("command", "kind"), HELP, ids=[" ".join(command) for command, _ in HELP])
def test_help_fits_two_screens_and_names_every_setting_that_the_command_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str], kind: type[Config]
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    assert main([*command, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    most = LINES_OF_TWO if {"--recipe=mtcp", "--recipe=aligned"} & {*command} else LINES
    assert len(lines) <= most + ESTIMATE * (command[0] == "estimate")
    assert max(len(line) for line in lines) <= COLUMNS
    text = " ".join(" ".join(lines).replace("│", " ").split())
    for name in ALL_NAMES:
        assert (f"--{name.replace('_', '-')} " in text) == (name in options_of(kind))
    for name, field in options_of(kind).items():
        assert field.description is not None
        assert field.description in text or (command != ["inspect"] and is_of_scans(kind, name))


@pytest.mark.parametrize(("command", "kind"), HELP, ids=[" ".join(command) for command, _ in HELP])
def test_every_help_text_is_whole(command: list[str], kind: type[Config]) -> None:
    for field in kind.model_fields.values():
        text = field.description or ""
        assert text[0].isupper() or text.startswith("timm ")
        assert text.endswith(".")
        assert not text.startswith(("Of ", "By ", "Likewise", "Its "))


@pytest.mark.parametrize("stage", STAGES)
def test_help_of_a_recipe_or_stage_has_a_box_for_each_of_its_stages(
    stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = set(stage_entry(stage).config.model_fields) - set(CONFIGS["train"].model_fields)
    assert main(["train", "--stage", stage, "--help"]) == 0
    said = capsys.readouterr().out
    assert own
    assert all(f"--{name.replace('_', '-')} " in said for name in own)


@pytest.mark.parametrize(
    "line", [["--help"], ["--version"], ["train", "--lr", "x"], *([name, "--help"] for name in CONFIGS)]
)
def test_help_and_refusals_load_nothing_heavy(line: list[str]) -> None:
    program = (
        f"import sys; from fastssl.cli import main; assert main({line!r}) in (0, 2)\n"
        "print([name for name in ('torch', 'numpy', 'timm', 'PIL', 'matplotlib') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for name in (*CONFIGS, "--install-completion", "--version"):
        assert f" {name} " in said


def test_the_default_stage_is_said_whichever_stage_is_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--stage", "vae", "--help"]) == 0
    assert "[default: moco]" in " ".join(capsys.readouterr().out.replace("│", " ").split())

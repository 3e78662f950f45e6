"""Stages of other packages: found by their metadata, imported when asked for, one line on whatever is wrong with one.

The packages are real to importlib.metadata: folders with a module and a .dist-info, on sys.path.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastssl.cli import main
from fastssl.errors import ConfigError
from fastssl.stages import registry
from fastssl.stages.registry import STAGES, every_stage, stage_defaults, stage_entry, stage_names, train_config

Install = Callable[..., None]

SOUND = """
from typing import Literal
from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.stages.entry import StageEntry

class OtherConfig(TrainConfig):
    stage: Literal["other"] = "other"
    sharpness: float = 2.0
    "How sharp."

class OtherSettings(TrainingSettings, OtherConfig):
    stage: Literal["other"] = "other"

STAGE = StageEntry(
    title="Other",
    config=OtherConfig,
    settings=OtherSettings,
    defaults="other_stage:Defaults",
    next_command="probe {run}",
)

class Defaults:
    pass
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package with one stage where Python finds it: install(package, stage, source of its module)."""
    before = set(sys.modules)

    def forget() -> None:
        registry.installed_stages.cache_clear()
        registry.config_class.cache_clear()
        for module in set(sys.modules) - before:
            if module.endswith("_stage"):
                del sys.modules[module]

    def install(package: str, stage: str, source: str = SOUND, module: str = "other_stage") -> None:
        folder = tmp_path / package
        information = folder / f"{package}-1.2.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (information / "entry_points.txt").write_text(f"[fastssl.stages]\n{stage} = {module}\n")
        (folder / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(str(folder))
        forget()

    yield install
    monkeypatch.undo()
    forget()


def line_of(name: str) -> str:
    with pytest.raises(ConfigError) as caught:
        train_config({"stage": name})
    (problem,) = caught.value.problems
    assert "\n" not in problem
    return problem


def test_a_stage_comes_after_the_built_in_ones_and_is_imported_when_it_is_asked_for(install: Install) -> None:
    install("acme", "other")
    assert stage_names() == (*STAGES, "other")
    assert "other_stage" not in sys.modules
    assert train_config({"stage": "moco"}).stage == "moco"
    assert "other_stage" not in sys.modules
    assert train_config({"stage": "other", "sharpness": 3}).model_dump()["sharpness"] == 3.0
    assert stage_entry("other").title == "Other"
    assert type(stage_defaults("other")).__name__ == "Defaults"
    assert "sharpness" in every_stage().model_fields
    assert line_of("othr") == "stage='othr': no such stage, did you mean 'other'?"


BROKEN = {
    "import": ("import no_such_library\n", "ModuleNotFoundError: No module named 'no_such_library'"),
    "syntax": ("def\n", "SyntaxError: invalid syntax (other_stage.py, line 1)"),
    "exit": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "several lines": ("raise RuntimeError('one\\ntwo')\n", "RuntimeError: one"),
    "no entry": ("", "other_stage has no STAGE that is a StageEntry"),
    "no config": (
        SOUND.replace("config=OtherConfig", "config=dict"),
        "the config of its STAGE is no subclass of fastssl.config.train.TrainConfig",
    ),
    "settings": (
        SOUND.replace("settings=OtherSettings", "settings=OtherConfig"),
        "the settings of its STAGE are no subclass of TrainingSettings and of its config",
    ),
    "name": (
        SOUND.replace('"other"', '"another"'),
        "OtherConfig.stage is 'another', and its entry point is called 'other'",
    ),
    "next command": (
        SOUND.replace("{run}", "{folder}"),
        "the next_command of its STAGE is 'probe {folder}'; {run} alone may be filled in",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_package_is_one_line_that_names_it_and_leaves_all_else_as_it_is(
    case: str, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    source, said = BROKEN[case]
    install("acme", "other", source)
    assert line_of("other") == f"stage='other': package acme 1.2 cannot be used: {said}"
    assert main(["train", "--stage", "other", "--help"]) == 2
    assert capsys.readouterr().err == f"fastssl: error: stage='other': package acme 1.2 cannot be used: {said}\n"
    assert main(["--help"]) == main(["train", "--help"]) == main(["train", "--stage", "vae", "--help"]) == 0
    assert capsys.readouterr().err == ""
    assert "queue_size" in every_stage().model_fields
    with pytest.raises(ConfigError, match="sharpnes"):
        train_config({"stage": "vae", "sharpnes": 1})


@pytest.mark.parametrize(
    ("defaults", "said"),
    [
        ("other_stage:Missing", "other_stage has no Missing"),
        ("no_such_module:Defaults", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("other_stage:Choosy", "other_stage:Choosy: ValueError: not today"),
    ],
)
def test_defaults_that_cannot_be_made_are_one_line(defaults: str, said: str, install: Install) -> None:
    more = "\nclass Choosy:\n    def __init__(self):\n        raise ValueError('not today')\n"
    install("acme", "other", SOUND.replace("other_stage:Defaults", defaults) + more)
    with pytest.raises(ConfigError) as caught:
        stage_defaults("other")
    assert str(caught.value) == f"stage='other': package acme 1.2 cannot be used: {said}"


@pytest.mark.parametrize("name", ["moco", "all"])
def test_a_name_of_fastssl_itself_stays_its_own_and_training_warns(
    name: str, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("acme", name, "raise RuntimeError\n")
    assert stage_names() == tuple(STAGES)
    assert main(["train", "--stage", "moco", "--help"]) == 0
    warning = f"fastssl: warning: stage {name!r} of package acme 1.2 is left out: fastssl has that name\n"
    assert capsys.readouterr().err == warning
    assert main(["probe", "--help"]) == 0
    assert capsys.readouterr().err == ""


def test_a_name_that_could_not_be_typed_is_left_out(install: Install) -> None:
    install("acme", "Other Stage")
    assert stage_names() == tuple(STAGES)
    (line,) = registry.installed_stages().refused
    assert line == (
        "stage 'Other Stage' of package acme 1.2 is left out: "
        "a name is of small letters, digits, - and _, from a letter on"
    )


def test_two_packages_with_one_stage_are_both_named(install: Install) -> None:
    install("acme", "other")
    install("zenith", "other", module="zenith_stage")
    said = line_of("other")
    assert said.startswith("stage='other': of ")
    assert {"acme 1.2", "zenith 1.2"} <= set(said.removeprefix("stage='other': of ").partition(";")[0].split(" and "))
    assert said.endswith("; uninstall all but one")

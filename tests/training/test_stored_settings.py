"""The settings in a run folder: as YAML with reasons, read back to go on, strict about what resuming may change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fastssl.config.train import TrainConfig
from fastssl.errors import CheckpointError, ConfigError
from fastssl.runtime import ResolvedSetting
from fastssl.stages.moco.settings import MoCoSettings
from fastssl.stages.pretext.settings import PretextSettings
from fastssl.stages.registry import train_config
from fastssl.training.stored_settings import read_settings, settings_to_resume, write_settings

RESOLVED: dict[str, Any] = {"size": 28, "stem": "standard", "steps": 30, "lr": 0.1, "weight_decay": 1e-4}
MOCO = {"temperature": 0.2, "queue_size": 64, "momentum": 0.9, "bn_splits": 1, "rotation": 0.0}
OWN = {"data": "sets/chest.npz", "data_root": Path("sets"), "amp": False, "device": "cpu", "seed": 5}
SETTINGS = MoCoSettings.model_validate({**RESOLVED, **MOCO, **OWN})
LENGTH = {"epochs": 2, "minutes": None}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    write_settings(folder, SETTINGS, [ResolvedSetting(name="lr", value="0.1", reason="as asked")], LENGTH)
    return folder


def test_a_resume_that_names_no_data_takes_the_runs_also_where_the_default_is_in_colour(tmp_path: Path) -> None:
    write_settings(tmp_path, PretextSettings(**RESOLVED, patch=14, data="sets/chest.npz"), [], LENGTH)
    assert asked(tmp_path, stage="pretext").data == "sets/chest.npz"


def test_no_name_breaks_the_file(tmp_path: Path) -> None:
    name = "a\nlr: 7\n\udcff\x1b: {[#'\""
    reasons = [ResolvedSetting(name="value_range", value="full", reason=f"as {name} has it")]
    write_settings(tmp_path, SETTINGS.model_copy(update={"data": name, "data_root": Path(name)}), reasons, LENGTH)
    stored = read_settings(tmp_path)
    assert (stored["data"], stored["data_root"], stored["lr"]) == (name, name, 0.1)


def test_the_settings_are_yaml_with_their_reasons(run: Path) -> None:
    text = (run / "config.yaml").read_text()
    assert text.startswith("# lr: 0.1 (as asked)\n")
    settings = read_settings(run)
    assert settings == yaml.safe_load(text)
    assert settings["data_root"] == "sets"
    assert (settings["steps"], settings["epochs"]) == (30, 2)
    assert not {"resume", "overwrite", "stop_after"} & settings.keys()


def asked(run: Path, **settings: Any) -> TrainConfig:
    return settings_to_resume(run, train_config({"resume": True, "out": run, **settings}))


def test_a_bare_resume_takes_every_setting_of_the_run(run: Path) -> None:
    expected = SETTINGS.model_copy(update={"resume": True, "out": run})
    assert asked(run) == expected
    assert asked(run, lr="auto", stem="auto") == expected


def test_settings_equal_to_the_runs_may_be_repeated(run: Path) -> None:
    assert asked(run, lr=0.1, seed=5, steps=30, data_root="sets") == asked(run)
    assert asked(run, epochs=2) == asked(run)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stop_after", 3),
        ("checkpoint_every", 7),
        ("device", "cuda"),
        ("compile", True),
        ("pipeline", "torch"),
        ("data_root", Path("elsewhere")),
    ],
)
def test_how_a_run_is_carried_on_may_change(run: Path, name: str, value: Any) -> None:
    assert getattr(asked(run, **{name: value}), name) == value


def test_what_a_run_computes_may_not_change_and_each_difference_is_named(run: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(run, lr=0.2, seed=6, amp=True, data="demo", steps=31)
    named = [problem.split(":")[0] for problem in caught.value.problems]
    assert named == ["amp=True", "data='demo'", "lr=0.2", "seed=6", "steps=31"]
    assert "the run to resume has 0.1" in str(caught.value)


def test_only_a_run_can_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no run here"):
        asked(tmp_path)


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("lr: [", CheckpointError, "not valid YAML"),
        ("- lr", CheckpointError, "not a mapping"),
        ("\x00\x01", CheckpointError, "not valid YAML"),
        ("lr: -1\nstpes: 3\n", ConfigError, "lr=-1.*'stpes', did you mean 'steps'"),
    ],
)
def test_a_damaged_configuration_is_one_line(run: Path, text: str, error: type[Exception], says: str) -> None:
    (run / "config.yaml").write_text(text)
    with pytest.raises(error, match=says) as caught:
        asked(run)
    assert "\n" not in str(caught.value)


def test_a_folder_of_an_older_version_can_be_resumed(tmp_path: Path) -> None:
    """It wrote lists as text, a patch as a share, and null for settings of other stages."""
    old = {"tasks": "jigsaw,inpaint", "task_weights": "", "patch": 0.5, "temperature": None, "epochs": 2}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"stage": "pretext", "data": "demo", **RESOLVED, **old}))
    settings = asked(tmp_path, epochs=2)
    assert getattr(settings, "tasks") == ("jigsaw", "inpaint")  # noqa: B009 (of this stage alone)
    assert settings.steps == 30

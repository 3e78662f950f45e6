"""The run folder: claimed only if free, left clean if a run cannot begin, strict about what a resume may change."""

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
from fastssl.training.run_folder import (
    check_free,
    claim_recipe,
    claimed,
    default_folder,
    read_settings,
    settings_to_resume,
)

RESOLVED: dict[str, Any] = {"size": 28, "stem": "standard", "steps": 30, "lr": 0.1, "weight_decay": 1e-4}
MOCO = {"temperature": 0.2, "queue_size": 64, "momentum": 0.9, "bn_splits": 1, "rotation": 0.0}
OWN = {"data": "sets/chest.npz", "data_root": Path("sets"), "amp": False, "device": "cpu", "seed": 5}
SETTINGS = MoCoSettings.model_validate({**RESOLVED, **MOCO, **OWN})
LENGTH = {"epochs": 2, "minutes": None}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    with claimed(folder, SETTINGS, [ResolvedSetting(name="lr", value="0.1", reason="as asked")], LENGTH):
        pass
    return folder


@pytest.mark.parametrize(
    ("data", "folder"), [("demo", "moco-demo"), ("sets/chest.npz", "moco-chest"), ("photos/", "moco-photos")]
)
def test_the_default_folder_is_named_after_stage_and_data(data: str, folder: str) -> None:
    assert default_folder(train_config({"data": data})) == Path("runs") / folder


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        ({}, "moco-demo"),
        ({"stage": "tower"}, "tower-demo"),
        ({"stage": "pretext"}, "pretext-demo-colour"),
        ({"stage": "pretext", "data": "demo"}, "pretext-demo"),
        ({"recipe": "mtcp"}, "mtcp-demo-colour"),
        ({"recipe": "vae"}, "vae-demo"),
    ],
)
def test_what_colorizes_is_trained_on_the_demo_set_in_colour_unless_told_otherwise(
    settings: dict[str, Any], folder: str
) -> None:
    config = train_config(settings)
    assert default_folder(config) == Path("runs") / folder
    assert ("data" in config.model_fields_set) == ("data" in settings)


def test_a_resume_that_names_no_data_takes_the_runs_also_where_the_default_is_in_colour(tmp_path: Path) -> None:
    with claimed(tmp_path / "run", PretextSettings(**RESOLVED, patch=14, data="sets/chest.npz"), [], LENGTH):
        pass
    assert asked(tmp_path / "run", stage="pretext").data == "sets/chest.npz"


def test_a_recipe_has_a_folder_of_its_own_name() -> None:
    assert default_folder(train_config({"data": "demo", "recipe": "mtcp"})) == Path("runs/mtcp-demo")


def test_claiming_for_a_recipe_leaves_nothing_of_earlier_runs_and_all_else(run: Path) -> None:
    for place in (run, run / "tower"):
        (place / "checkpoints").mkdir(parents=True)
        (place / "encoder.safetensors").write_text("old")
        (place / "config.yaml").write_text("stage: tower")
    (run / "notes").mkdir()
    (run / "notes" / "ideas.txt").write_text("mine")
    claim_recipe(run, train_config({"data": "demo", "recipe": "mtcp"}))
    assert sorted(path.name for path in run.iterdir()) == ["config.yaml", "notes"]
    assert (run / "notes" / "ideas.txt").is_file()
    assert read_settings(run) == {"data": "demo", "recipe": "mtcp"}


def test_a_new_or_empty_folder_is_free(tmp_path: Path) -> None:
    check_free(tmp_path / "new" / "deeper", overwrite=False)
    check_free(tmp_path, overwrite=False)


def test_a_run_is_replaced_only_on_request(run: Path) -> None:
    with pytest.raises(ConfigError, match="holds a run already; --resume continues it, --overwrite replaces it"):
        check_free(run, overwrite=False)
    check_free(run, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_not_a_run_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="a folder with other things in it"):
        check_free(tmp_path, overwrite=overwrite)
    with pytest.raises(ConfigError, match="is a file"):
        check_free(tmp_path / "thesis.tex", overwrite=overwrite)


def test_claiming_removes_the_earlier_run_and_nothing_else(run: Path) -> None:
    for name in ("metrics.jsonl", "encoder.safetensors", "notes.txt"):
        (run / name).write_text("old")
    for name in ("checkpoints", "features", "report", "tensorboard"):
        (run / name / "deeper").mkdir(parents=True)
    with claimed(run, SETTINGS, [], LENGTH):
        assert sorted(path.name for path in run.iterdir()) == ["config.yaml", "notes.txt"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_run_that_cannot_begin_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    folder = tmp_path / "runs" / "new"

    def begin() -> None:
        with claimed(folder, SETTINGS, [], LENGTH):
            (folder / "checkpoints").mkdir()
            raise error

    with pytest.raises(type(error)):
        begin()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_cannot_begin_spares_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(OSError, match="full"), claimed(tmp_path / "runs" / "new", SETTINGS, [], LENGTH):
        raise OSError(28, "full")
    assert [path.name for path in tmp_path.rglob("*")] == ["runs"]


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

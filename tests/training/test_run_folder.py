"""The run folder: claimed only if free, and left clean if a run cannot begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastssl.errors import ConfigError
from fastssl.runtime import ResolvedSetting
from fastssl.stages.moco.settings import MoCoSettings
from fastssl.stages.registry import train_config
from fastssl.training.run_folder import check_free, claim_recipe, claimed, default_folder
from fastssl.training.stored_settings import read_settings

SETTINGS = MoCoSettings(
    size=28,
    stem="standard",
    steps=30,
    lr=0.1,
    weight_decay=1e-4,
    temperature=0.2,
    queue_size=64,
    momentum=0.9,
    bn_splits=1,
    rotation=0.0,
)
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

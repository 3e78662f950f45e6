"""The run folder: claimed only if free, left as it was if a run cannot begin, whole wherever its beginning is cut."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastssl.errors import ConfigError
from fastssl.runtime import ResolvedSetting
from fastssl.stages.moco.settings import MoCoSettings
from fastssl.stages.registry import train_config
from fastssl.training.run_folder import check_free, claim_recipe, claimed, clear_folder, default_folder, holds_run
from fastssl.training.run_lock import run_lock
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
    begin(folder, "old")
    return folder


def begin(folder: Path, content: str, block: Callable[[Path], None] = lambda beginning: None) -> None:
    """A run whose first checkpoint holds so much."""
    reasons = [ResolvedSetting(name="lr", value="0.1", reason="as asked")]
    with run_lock(folder):
        clear_folder(folder)
        with claimed(folder, SETTINGS, reasons, LENGTH) as beginning:
            (beginning / "checkpoints" / "step-00000000").mkdir(parents=True)
            (beginning / "checkpoints" / "step-00000000" / "state.json").write_text(content)
            (beginning / "data.json").write_text(content)
            block(beginning)


def held(folder: Path) -> list[str]:
    """What the first checkpoint and the report hold, of a folder in which all else is a run's."""
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "config.yaml", "data.json"]
    return [(folder / "checkpoints/step-00000000/state.json").read_text(), (folder / "data.json").read_text()]


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
        (place / "checkpoints").mkdir(parents=True, exist_ok=True)
        (place / "encoder.safetensors").write_text("old")
        (place / "config.yaml").write_text("stage: tower")
    (run / "notes").mkdir()
    (run / "notes" / "ideas.txt").write_text("mine")
    claim_recipe(run, train_config({"data": "demo", "recipe": "mtcp"}), "fastssl train")
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
    for name in ("features", "report", "tensorboard"):
        (run / name / "deeper").mkdir(parents=True)
    begin(run, "new")
    (run / "notes.txt").unlink()
    assert held(run) == ["new", "new"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_run_that_cannot_begin_changes_nothing(tmp_path: Path, run: Path, error: BaseException) -> None:
    def fail(beginning: Path) -> None:
        raise error

    for folder in (tmp_path / "runs" / "new", run):
        with pytest.raises(type(error)):
            begin(folder, "new", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert held(run) == ["old", "old"]


def test_a_run_that_cannot_begin_spares_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with run_lock(tmp_path / "runs" / "new"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["runs"]


class KilledError(BaseException):
    """Stands for the end of the process: nothing is tidied up after it."""


@pytest.mark.parametrize("call", range(12))
@pytest.mark.parametrize("begins_anew", [False, True])
def test_a_beginning_that_is_killed_anywhere_is_the_old_run_or_the_new_one(
    run: Path, monkeypatch: pytest.MonkeyPatch, call: int, begins_anew: bool
) -> None:
    """Every system call that changes a folder is counted, and the process ends before one of them."""
    folder = run.with_name("fresh") if begins_anew else run
    changes = iter(range(100))

    def dies_at_last(real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*given: Any, **named: Any) -> Any:
            if next(changes) >= call:
                raise KilledError
            return real(*given, **named)

        return change

    with monkeypatch.context() as killed:
        for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
            killed.setattr(os, name, dies_at_last(getattr(os, name)))
        try:
            begin(folder, "new")
        except KilledError:
            pass
        else:
            assert call > 9
    if not holds_run(folder):
        check_free(folder, overwrite=False)
        begin(folder, "new")
    with run_lock(folder):
        clear_folder(folder)
    assert held(folder) in (["new", "new"], *([] if begins_anew else [["old", "old"]]))


def test_what_killed_writers_left_is_cleared_by_the_next_owner_of_the_folder(run: Path) -> None:
    left = ["checkpoints/.step-00000003.partial", "report", ".beginning/checkpoints"]
    for name in left:
        (run / name).mkdir(parents=True)
    files = [".encoder.safetensors.1a2b.partial", ".config.yaml.partial", "report/.probe.json.77.partial"]
    for name in files:
        (run / name).write_text("half")
    with run_lock(run):
        clear_folder(run)
    (run / "report").rmdir()
    assert held(run) == ["old", "old"]

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
    assert (stored["data"], stored["data_root"], stored["lr"]) == (name, str(Path.cwd() / name), 0.1)


def test_the_settings_are_yaml_with_their_reasons(run: Path) -> None:
    text = (run / "config.yaml").read_text()
    assert text.startswith("# lr: 0.1 (as asked)\n")
    settings = read_settings(run)
    assert settings == yaml.safe_load(text)
    assert settings["data_root"] == str(Path.cwd() / "sets")
    assert (settings["steps"], settings["epochs"]) == (30, 2)
    assert not {"resume", "overwrite", "stop_after"} & settings.keys()


def asked(run: Path, **settings: Any) -> TrainConfig:
    return settings_to_resume(run, train_config({"resume": True, "out": run, **settings}))


def test_a_bare_resume_takes_every_setting_of_the_run(run: Path) -> None:
    expected = SETTINGS.model_copy(update={"resume": True, "out": run, "data_root": Path.cwd() / "sets"})
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
        ("keep", 5),
        ("quiet", True),
        ("skip_corrupt", True),
        ("max_megapixels", 900),
        ("data", "elsewhere/chest.npz"),
        ("data_root", Path("/elsewhere")),
    ],
)
def test_how_a_run_is_carried_on_may_change(run: Path, name: str, value: Any) -> None:
    assert getattr(asked(run, **{name: value}), name) == value


def test_what_a_run_computes_may_not_change_and_each_difference_is_named(run: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(run, lr=0.2, seed=6, amp=True, value_range="0,4095", init="other.pth", steps=31)
    named = [problem.split(":")[0] for problem in caught.value.problems]
    assert named == ["amp=True", "init='other.pth'", "lr=0.2", "seed=6", "steps=31", "value_range='0,4095'"]
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


def on_gpu(folder: Path) -> Path:
    own = {"device": "cuda:0", "compile": True, "pipeline": "dali", "precision": "bf16", "amp": True}
    write_settings(folder, SETTINGS.model_copy(update=own), [], LENGTH)
    return folder


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_what_was_chosen_for_a_gpu_is_chosen_again_for_another_device(tmp_path: Path, device: str) -> None:
    settings = asked(on_gpu(tmp_path), device=device)
    assert (settings.device, settings.compile, settings.pipeline, settings.threads) == (device, None, "auto", None)
    assert settings.precision == "bf16"
    named = asked(on_gpu(tmp_path), device=device, compile=True, threads=3)
    assert (named.compile, named.threads, named.pipeline) == (True, 3, "auto")


@pytest.mark.parametrize("device", [{}, {"device": "cuda"}, {"device": "cuda:1"}])
def test_on_a_device_of_the_same_kind_it_stays(tmp_path: Path, device: dict[str, str]) -> None:
    settings = asked(on_gpu(tmp_path), **device)
    assert (settings.device, settings.compile, settings.pipeline) == (device.get("device", "cuda:0"), True, "dali")


def test_paths_are_kept_whole_and_two_ways_to_write_one_are_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_settings(tmp_path, SETTINGS.model_copy(update={"init": Path("runs/a"), "out": Path("run")}), [], LENGTH)
    expected = tmp_path / "runs" / "a"
    for init in ("runs/a", "./runs/a", "x/../runs/a", str(expected)):
        assert asked(tmp_path, init=init).init == expected
    monkeypatch.chdir("/")
    assert asked(tmp_path).init == expected


def test_what_moved_together_with_the_run_is_found(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    places = {"data_root": old / "sets", "init": old / "runs" / "first", "out": old / "runs" / "second"}
    for folder in places.values():
        folder.mkdir(parents=True)
    write_settings(places["out"], SETTINGS.model_copy(update=places), [], LENGTH)
    old.rename(new)
    moved = read_settings(new / "runs" / "second")
    assert (moved["data_root"], moved["init"]) == (str(new / "sets"), str(new / "runs" / "first"))
    (new / "sets").rmdir()
    assert read_settings(new / "runs" / "second")["data_root"] == str(old / "sets")


def test_a_run_of_an_older_version_has_the_whole_range_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"stage": "pretext", "data": "demo", "patch": 14, **RESOLVED}))
    assert asked(tmp_path).value_range == "full"

"""Recipes: stages one after the other in one folder, each from the encoder before it, resumable at every point."""

from __future__ import annotations

import io
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import yaml
from rich.console import Console
from safetensors.torch import load_file

import fastssl
from fastssl.data import open_source
from fastssl.errors import ConfigError
from fastssl.recipes.recipe import Recipe, RecipeResult, RecipeRun
from fastssl.recipes.sequence import train_recipe
from fastssl.stages.registry import train_config
from fastssl.training.stored_settings import read_facts

SETTINGS = {"encoder": "test_resnet", "batch_size": 16, "steps": 3, "device": "cpu", "amp": False}


class Evaluations:
    """Stands in for mtcp's evaluation and report: keeps the runs that it is given."""

    def __init__(self) -> None:
        self.seen: list[list[Path]] = []
        self.reported: list[Path] = []
        self.problem = ""
        self.recipes = {"mtcp": Recipe(evaluate=self.evaluate, report=self.report, title="few-shot")}

    def evaluate(self, run: RecipeRun, console: Console) -> None:
        self.seen.append(run.runs)

    def report(self, run: RecipeRun, console: Console) -> None:
        if self.problem:
            raise RuntimeError(self.problem)
        self.reported.append(run.folder)


@pytest.fixture
def evaluations() -> Evaluations:
    return Evaluations()


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """52 labelled grey images of 20 x 20 pixels."""
    path = tmp_path / "labelled.npz"
    rng = np.random.default_rng(0)
    np.savez(path, train_images=rng.integers(0, 256, (52, 20, 20), dtype=np.uint8), train_labels=np.arange(52) % 2)
    return path


@pytest.fixture
def train(evaluations: Evaluations) -> Callable[..., tuple[RecipeResult, str]]:
    """Runs mtcp; returns its result and all that it printed."""

    def run(
        out: Path, data: Path | str, *, clock: Callable[[], float] = time.monotonic, **settings: Any
    ) -> tuple[RecipeResult, str]:
        console = Console(file=io.StringIO(), width=60)
        given = settings if settings.get("resume") else SETTINGS | settings
        config = train_config({**given, "recipe": "mtcp", "data": str(data), "out": out})
        result = train_recipe(config, console, recipes=evaluations.recipes, clock=clock)
        return result, console.file.getvalue()  # type: ignore[attr-defined]

    return run


def ticking() -> Callable[[], float]:
    """A clock that moves by a quarter of a second whenever it is read."""
    ticks = itertools.count()
    return lambda: next(ticks) / 4


Train = Callable[..., tuple[RecipeResult, str]]


def test_the_stages_follow_each_other_and_are_then_evaluated(
    tmp_path: Path, labelled: Path, evaluations: Evaluations, train: Train
) -> None:
    result, text = train(tmp_path / "run", labelled)
    assert [(stage.folder.name, stage.step) for stage in result.stages] == [("moco", 3), ("pretext", 3)]
    assert (result.finished, result.evaluated) == (True, True)
    assert evaluations.seen == [[tmp_path / "run" / "moco", tmp_path / "run" / "pretext"]]
    assert evaluations.reported == [tmp_path / "run"]
    asked, of_stage = read_facts(tmp_path / "run"), read_facts(tmp_path / "run" / "moco")
    assert asked["command"].startswith(f"fastssl train --recipe mtcp --data {labelled} --encoder test_resnet")
    assert "command" not in of_stage  # nobody asked for the stage alone
    assert float(of_stage["loss of a guess"]) > 0
    for heading in ("1/3 moco", "2/3 pretext", "3/3 few-shot", "1/3 moco: 0 min"):
        assert heading in text


def test_a_report_that_cannot_be_written_fails_no_recipe(
    tmp_path: Path, labelled: Path, evaluations: Evaluations, train: Train
) -> None:
    evaluations.problem = "no room on the disk"
    result, text = train(tmp_path / "run", labelled)
    assert (result.finished, result.evaluated) == (True, True)
    said = " ".join(text.split())
    assert f"warning: no report was written (no room on the disk); fastssl report {tmp_path / 'run'} writes it" in said


def test_a_stage_starts_from_the_encoder_before_it_and_the_last_one_is_the_recipes(
    tmp_path: Path, labelled: Path, evaluations: Evaluations, train: Train
) -> None:
    run = tmp_path / "run"
    train(run, labelled)
    settings = yaml.safe_load((run / "pretext" / "config.yaml").read_text())
    assert settings["init"] == str(run / "moco")
    begun = load_file(run / "pretext" / "checkpoints" / "step-00000000" / "stage.safetensors")
    handed_on = load_file(run / "moco" / "encoder.safetensors")
    assert all((begun[f"encoder.{name}"] == value).all() for name, value in handed_on.items())
    assert (run / "encoder.safetensors").read_bytes() == (run / "pretext" / "encoder.safetensors").read_bytes()


@pytest.mark.parametrize("stops", [[2, 2, None], [3, 1, None], [4, None]], ids=str)
def test_a_recipe_that_was_stopped_anywhere_ends_as_one_that_was_not(
    tmp_path: Path, labelled: Path, evaluations: Evaluations, train: Train, stops: list[int | None]
) -> None:
    whole, _ = train(tmp_path / "whole", labelled)
    result, _ = train(tmp_path / "parts", labelled, stop_after=1)
    assert not result.finished
    assert not evaluations.seen[1:]
    for stop in stops:
        result, _ = train(tmp_path / "parts", labelled, resume=True, stop_after=stop)
    assert result.finished
    assert len(evaluations.seen) == 2
    for stage in ("moco", "pretext"):
        encoders = [(folder / stage / "encoder.safetensors").read_bytes() for folder in (whole.folder, result.folder)]
        assert encoders[0] == encoders[1]


def test_data_without_labels_are_trained_on_and_not_evaluated(
    tmp_path: Path, grey_npz: Path, evaluations: Evaluations, train: Train
) -> None:
    result, text = train(tmp_path / "run", grey_npz)
    assert (result.finished, result.evaluated) == (True, False)
    assert "has no labels" in text
    assert evaluations.seen == []


def test_labels_that_cannot_be_used_are_trained_without_and_named_where_the_evaluation_would_be(
    tmp_path: Path, grey_npz: Path, evaluations: Evaluations, train: Train
) -> None:
    path = tmp_path / "targets.npz"
    np.savez(path, train_images=np.load(grey_npz)["train_images"], train_labels=np.linspace(0, 1, 52))
    result, text = train(tmp_path / "run", path)
    assert (result.finished, result.evaluated, evaluations.seen) == (True, False, [])
    assert text.count("note        labels are not used: train_labels are not whole numbers") == 1
    assert "or probabilities: nothing to evaluate with" in text


def test_what_was_read_is_said_once_and_all_stages_go_on_by_its_range(
    tmp_path: Path, evaluations: Evaluations, train: Train
) -> None:
    images = np.random.default_rng(0).integers(0, 1024, (52, 20, 20)).astype(np.uint16)
    np.savez(tmp_path / "ten.npz", train_images=images)
    _, text = train(tmp_path / "run", tmp_path / "ten.npz", stop_after=1)
    assert text.count("values      0 to 1023, found in the images") == 1
    for folder in (tmp_path / "run", tmp_path / "run" / "moco"):
        assert yaml.safe_load((folder / "config.yaml").read_text())["value_range"] == "0,1023"
        assert json.loads((folder / "data.json").read_text())["counts"] == {"train": 52}
    result, text = train(tmp_path / "run", tmp_path / "ten.npz", resume=True)
    assert result.finished
    assert text.count("values      0 to 1023, as given") == 1
    settings = yaml.safe_load((tmp_path / "run" / "pretext" / "config.yaml").read_text())
    assert settings["value_range"] == "0,1023"


def test_settings_go_to_the_stages_that_read_them(
    tmp_path: Path, labelled: Path, evaluations: Evaluations, train: Train
) -> None:
    train(tmp_path / "run", labelled, queue_size=24, tasks="jigsaw", lr=0.01)
    moco, pretext = (
        yaml.safe_load((tmp_path / "run" / stage / "config.yaml").read_text()) for stage in ("moco", "pretext")
    )
    assert (moco["queue_size"], moco["lr"]) == (24, 0.01)
    assert (pretext["tasks"], pretext["lr"]) == (["jigsaw"], 0.01)
    assert "queue_size" not in pretext


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"tasks": "colorize"}, "tasks=colorize: needs RGB images"),
        ({"beta": 2.0}, "beta is a setting of --stage vae, not of --recipe mtcp"),
        ({"batch_size": 64}, "batch_size=64: labelled has only 52 training images"),
        ({"stage": "moco"}, "stage and recipe both given: give one"),
    ],
    ids=str,
)
def test_what_any_stage_cannot_do_is_said_before_the_first_one_trains(
    tmp_path: Path, labelled: Path, train: Train, settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        train(tmp_path / "run", labelled, **settings)
    assert not (tmp_path / "run").exists()


def test_a_recipe_is_replaced_only_on_request(
    tmp_path: Path, labelled: Path, evaluations: Evaluations, train: Train
) -> None:
    train(tmp_path / "run", labelled)
    with pytest.raises(ConfigError, match="holds a run already"):
        train(tmp_path / "run", labelled)
    with pytest.raises(ConfigError, match="holds a recipe; go on with --recipe mtcp --resume"):
        fastssl.train(out=tmp_path / "run", resume=True, console=Console(file=io.StringIO()))
    result, _ = train(tmp_path / "run", labelled, overwrite=True, steps=2)
    assert [stage.step for stage in result.stages] == [2, 2]


def test_a_budget_is_divided_evenly_among_the_stages(
    tmp_path: Path, labelled: Path, evaluations: Evaluations, train: Train
) -> None:
    result, text = train(tmp_path / "run", labelled, steps=None, minutes=0.4, stop_after=2, clock=ticking())
    assert "--minutes 0.4: 0.2 minutes for each of moco, pretext; the evaluation is not counted" in text
    with pytest.raises(ConfigError, match=r"minutes=0\.6: the run to resume has 0\.4"):
        train(tmp_path / "run", labelled, resume=True, minutes=0.6)
    result, _ = train(tmp_path / "run", labelled, resume=True, clock=ticking())
    assert (result.finished, len(evaluations.seen)) == (True, 1)
    for stage in result.stages:
        written = yaml.safe_load((stage.folder / "config.yaml").read_text())
        assert (written["minutes"], written["steps"]) == (0.2, stage.step)


def test_a_budget_that_is_too_small_for_a_stage_leaves_nothing(
    tmp_path: Path, labelled: Path, evaluations: Evaluations, train: Train
) -> None:
    complaint = "^moco in --recipe mtcp, whose --minutes are divided evenly among its stages: minutes=0.05: too short"
    with pytest.raises(ConfigError, match=complaint):
        train(tmp_path / "run", labelled, steps=None, minutes=0.1, clock=ticking())
    assert not (tmp_path / "run").exists()


def test_on_the_demo_set_mtcp_is_in_colour_and_has_a_budget_for_each_stage(
    tmp_path: Path,
) -> None:
    console = Console(file=io.StringIO(), width=60)
    config = train_config(SETTINGS | {"recipe": "mtcp", "steps": None, "stop_after": 1, "out": tmp_path / "run"})
    train_recipe(config, console, clock=ticking())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "demo data: --minutes 8 unless a length is given: 4 minutes for each of moco, pretext" in text
    assert "moco on demo-colour" in text
    asked = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (asked["data"], asked["minutes"]) == ("demo-colour", 8)


class Opened:
    """How often a file is opened, by Python's own account of it."""

    def __init__(self, path: Path) -> None:
        self.path, self.times = str(path), 0
        sys.addaudithook(self._count)  # stays for good, and counts only while `path` is set

    def _count(self, event: str, arguments: tuple[Any, ...]) -> None:
        self.times += event == "open" and str(arguments[0]) == self.path


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that timm has made."""
    names: list[str] = []
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **given: names.append(name) or create(name, **given))
    return names


@pytest.mark.parametrize("stop_after", [2, 4], ids=["in-the-first", "in-the-second"])
def test_a_recipe_that_goes_on_makes_one_encoder_for_each_stage_too(
    tmp_path: Path, labelled: Path, train: Train, made: list[str], stop_after: int
) -> None:
    train(tmp_path / "run", labelled, stop_after=stop_after)
    made.clear()
    result, _ = train(tmp_path / "run", labelled, resume=True)
    assert result.finished
    assert made == ["test_resnet"] * len(result.stages)


def test_data_are_opened_once_and_each_stage_has_one_encoder(
    tmp_path: Path, labelled: Path, train: Train, made: list[str]
) -> None:
    opened = Opened(labelled)
    open_source(labelled)
    once, opened.times = opened.times, 0
    result, _ = train(tmp_path / "run", labelled)
    assert result.finished
    assert made == ["test_resnet"] * len(result.stages)
    assert opened.times == once > 0
    opened.path = ""


@pytest.mark.parametrize("at_hand", [True, False])
@pytest.mark.parametrize("recipe", ["tower", "vae"])
def test_fine_tuning_compares_with_an_imagenet_encoder_where_there_is_one(
    tmp_path: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, at_hand: bool
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("fastssl.models.imagenet.is_at_hand", lambda name: at_hand)
    monkeypatch.setattr("fastssl.evaluation.finetune.finetune", lambda runs, **settings: asked.append(settings))
    console = Console(file=io.StringIO(), width=60)
    settings = SETTINGS | {"recipe": recipe, "steps": 1, "size": 32, "data": str(labelled), "out": tmp_path / "run"}
    fastssl.train(**settings, console=console)
    (given,) = asked
    assert given.get("imagenet") == ("tf_efficientnet_lite0" if at_hand else None)
    assert given.get("frozen", False) == (recipe == "vae")
    assert ("no ImageNet encoder to compare with" in console.file.getvalue()) == (not at_hand)  # type: ignore[attr-defined]

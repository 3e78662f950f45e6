"""--config FILE: a run's own file starts the same run again, options win, what is wrong in a file is told by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from fastssl.cli import main

Refusal = Callable[..., str]

RUN = ["--encoder", "test_resnet", "--batch-size", "8", "--steps", "3", "--device", "cpu", "--seed", "3"]


@pytest.fixture
def colour_npz(tmp_path: Path) -> Path:
    """24 random colour images of 32 x 32 pixels, labelled 0 or 1 in turn, and 24 more to test on."""
    draw = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = draw.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(24)[:, None] % 2
    np.savez(tmp_path / "colour.npz", **arrays)
    return tmp_path / "colour.npz"


def typed(*words: str) -> Any:
    """The settings that a command line gives."""
    seen: list[Any] = []
    assert main(words, commands={words[0]: lambda *_, config, **__: seen.append(config)}) == 0
    return seen[0]


@pytest.fixture
def written(here: Path) -> Callable[..., str]:
    """Writes settings as YAML; returns the file's name."""

    def write(settings: Any) -> str:
        (here / "settings.yaml").write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings))
        return "settings.yaml"

    return write


STAGES = {
    "moco": ["--queue-size", "16"],
    "pretext": ["--tasks", "inpaint", "jigsaw", "--task-weights", "jigsaw=2"],
    "tower": ["--terms", "generative", "--transforms", "mask", "--mask", "block"],
    "vae": ["--latent-dim", "8"],
    "simclr": ["--optimizer", "lars", "--strength", "0.25"],
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_runs_own_file_trains_the_same_encoder_again(here: Path, colour_npz: Path, stage: str) -> None:
    assert main(["train", "--stage", stage, *RUN, *STAGES[stage], "--data", str(colour_npz), "--out", "one"]) == 0
    assert main(["train", "--config", "one/config.yaml", "--out", "two"]) == 0
    assert (here / "one/encoder.safetensors").read_bytes() == (here / "two/encoder.safetensors").read_bytes()
    one, two = (yaml.safe_load((here / run / "config.yaml").read_text()) for run in ("one", "two"))
    assert {**one, "out": str(here / "two")} == two


def test_a_recipes_own_file_trains_the_same_encoder_again(here: Path, colour_npz: Path) -> None:
    line = ["train", "--recipe", "mtcp", *RUN, "--queue-size", "16", "--data", str(colour_npz), "--out", "one"]
    assert main(line) == 0
    assert main(["train", "--config", "one/config.yaml", "--out", "two"]) == 0
    assert (here / "one/encoder.safetensors").read_bytes() == (here / "two/encoder.safetensors").read_bytes()


def test_a_run_does_not_replace_the_one_its_file_is_of(here: Path, colour_npz: Path, refusal: Refusal) -> None:
    assert main(["train", *RUN, "--data", str(colour_npz), "--out", "one"]) == 0
    assert "holds a run already" in refusal("train", "--config", "one/config.yaml")


def test_options_on_the_line_win(written: Callable[..., str]) -> None:
    file = written({"lr": 0.5, "batch_size": 16, "amp": False, "threads": 1, "device": "cpu", "compile": False})
    config = typed("train", "--lr", "0.25", "--config", file, "--amp")
    assert (config.lr, config.batch_size, config.amp) == (0.25, 16, True)
    assert (config.threads, config.device, config.compile) == (1, "cpu", False)


@pytest.mark.parametrize(
    ("settings", "options", "expected"),
    [
        ({"epochs": 4, "steps": 9}, ["--minutes", "2"], {"epochs": None, "steps": None, "minutes": 2.0}),
        ({"epochs": 4}, ["--steps", "2"], {"epochs": None, "steps": 2}),
        ({"stage": "vae", "beta": 2.0}, ["--beta", "3"], {"stage": "vae", "beta": 3.0}),
        ({"stage": "vae", "lr": 2.0}, ["--recipe", "mtcp"], {"recipe": "mtcp", "lr": 2.0}),
        ({"recipe": "mtcp", "lr": 2.0}, ["--stage", "vae"], {"stage": "vae", "recipe": None, "lr": 2.0}),
        ({"amp": False}, ["--precision", "bf16"], {"amp": None, "precision": "bf16"}),
        ({"resume": True}, ["--overwrite"], {"resume": False, "overwrite": True}),
    ],
    ids=str,
)
def test_an_option_replaces_what_a_file_says_in_its_place(
    written: Callable[..., str], settings: dict[str, Any], options: list[str], expected: dict[str, Any]
) -> None:
    config = typed("train", "--config", written(settings), *options)
    assert {name: getattr(config, name) for name in expected} == expected


def test_of_a_resolved_file_the_steps_count(written: Callable[..., str]) -> None:
    config = typed("train", f"--config={written({'epochs': 3, 'steps': 12, 'minutes': None})}")
    assert (config.epochs, config.steps, config.minutes) == (None, 12, None)


def test_files_of_earlier_versions_have_lists_as_text_and_null_for_other_stages(written: Callable[..., str]) -> None:
    old = "stage: pretext\ntasks: jigsaw,inpaint\ntask_weights: ''\ninit: null\nlr: 1e-3\nqueue_size: null\n"
    config = typed("train", "--config", written(old))
    assert (config.tasks, config.task_weights, config.init, config.lr) == (("jigsaw", "inpaint"), (), None, 1e-3)


@pytest.mark.parametrize(
    ("line", "settings", "expected"),
    [
        ("probe run", {"batch_size": 7, "data": "demo"}, {"batch_size": 7, "data": "demo"}),
        ("fewshot a b", {"shots": [5, 1], "random": False, "l2": None}, {"shots": (1, 5), "random": False, "l2": None}),
        ("finetune a", {"label_fraction": [1, 0.1], "frozen": True}, {"label_fraction": (1.0, 0.1), "frozen": True}),
        ("segment a", {"images": "i", "masks": "m", "patch": "whole"}, {"images": Path("i"), "patch": 0}),
        ("preview", {"views": ["jigsaw", "tower"], "epoch": 2}, {"views": ("jigsaw", "tower"), "epoch": 2}),
    ],
)
def test_every_command_takes_a_file(
    written: Callable[..., str], line: str, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    config = typed(*line.split(), "--config", written(settings))
    assert {name: getattr(config, name) for name in expected} == expected


def test_everything_wrong_in_a_file_and_on_the_line_is_told_at_once(
    written: Callable[..., str], refusal: Refusal
) -> None:
    file = written({"lr": "fast", "batch_sise": 4, "beta": 2, "seed": None, "amp": "maybe"})
    found = refusal("train", "--config", file, "--epochs", "0").split("; ")
    assert len(found) == 6
    said = {
        f"{file}: lr='fast': input should be a valid number, unable to parse string as a number",
        f"{file}: unknown setting 'batch_sise', did you mean 'batch_size'?",
        f"{file}: beta is a setting of --stage vae, not of --stage moco",
        "epochs='0': input should be greater than or equal to 1",
    }
    assert said <= set(found)
    assert sum(problem.startswith(f"{file}: ") for problem in found) == 5


def test_what_contradicts_itself_in_a_file_is_told_with_its_name(written: Callable[..., str], refusal: Refusal) -> None:
    file = written({"epochs": 3, "minutes": 3})
    assert refusal("train", "--config", file) == f"{file}: epochs and minutes both given: give one"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("lr: [1", "settings.yaml: not valid YAML ("),
        ("- lr", "settings.yaml: not a mapping of settings"),
        ("", "settings.yaml: not a mapping of settings"),
        ("!!python/object/apply:os.system ['true']", "settings.yaml: not valid YAML ("),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(
    written: Callable[..., str], refusal: Refusal, content: str, expected: str
) -> None:
    assert refusal("train", "--config", written(content)).startswith(expected)


@pytest.mark.parametrize("name", ["stage", "recipe", "lr", "resume", "data"])
def test_a_value_of_another_kind_is_refused(written: Callable[..., str], refusal: Refusal, name: str) -> None:
    assert name in refusal("train", "--config", written({name: [{"a": [1]}, None]}))


def test_a_file_that_cannot_be_read_is_named(here: Path, refusal: Refusal) -> None:
    (here / "image.png").write_bytes(b"\x89PNG\xff\x00")
    assert refusal("train", "--config", "nowhere.yaml") == "nowhere.yaml: No such file or directory"
    assert refusal("train", "--config", "image.png") == "image.png: not a text file in UTF-8"
    assert refusal("train", "--config", ".", "--lr", "x").startswith(".: Is a directory; lr='x'")

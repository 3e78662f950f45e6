"""The command line of a configuration: parsed by the real command line, it gives an equal configuration."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from fastssl.cli import CONFIGS
from fastssl.cli.line import read_line
from fastssl.config import Config, build
from fastssl.config.command_line import command_line
from fastssl.stages.registry import STAGES, config_class, train_config

EVERYWHERE: dict[str, Any] = {"data": "my images/set 1", "data_root": "~/med", "size": "auto", "value_range": (0, 4095)}
COMPUTED: dict[str, Any] = {"device": "cpu", "amp": False, "seed": 7, "quiet": True, "max_megapixels": 20}
GIVEN: dict[str, list[dict[str, Any]]] = {
    "train": [],
    "probe": [EVERYWHERE | COMPUTED | {"batch_size": 3}, {"value_range": "auto", "skip_corrupt": False}],
    "fewshot": [EVERYWHERE | {"shots": (5, 1), "imagenet": "none", "random": False, "l2": 1e-7, "out": "a 'b'"}],
    "finetune": [{"label_fraction": [1, 0.1], "frozen": True, "augment": False, "compile": True, "patience": "auto"}],
    "segment": [
        {"images": "im/a b", "masks": "ma,sk", "foreground": ["-1", "#ff0000"], "test_images": "img 1,img 2"},
        {"patch": "whole", "encoder_init": ("random", "run"), "steps": 3, "objective": "bce+dice"},
    ],
    "preview": [{"views": ["jigsaw", "plain"], "images": 2, "checkpoint": True}, {"stage": "vae", "mask_ratio": 0.3}],
    "inspect": [{"data": "x", "near_distance": 0, "thumbnails": 3, "sheet": False, "out": "-odd", "window": "40,400"}],
    "advise": [{"task": "segmentation", "label_budget": 20, "modality": "chest X-ray", "budget": 90, "measure": False}],
    "benchmark": [{"flags": "breastmnist", "sizes": [28, 64], "baseline": "timm:resnet18=a file.pth", "fit": "pad"}],
    "report": [{"map": False, "projection": "pca", "points": 9, "out": "a.html", "open": True, "size": 32}],
    "embed": [{"split": ["test", "val"], "normalize": True, "dtype": "float16", "out": "a b.npz", "overwrite": True}],
    "neighbours": [{"k": 3, "same_patient": True, "split": "train", "out": "n.png", "batch_size": 9}],
    "export": [{"format": "onnx", "normalization": False, "out": "-odd.onnx"}],
    "pack": [{"data": "x", "shard_megabytes": 8, "out": "-odd"}],
}


def parsed(line: str) -> tuple[list[str], Config]:
    """(words before the options, configuration) as the command gets them; without options it takes its default."""
    read = read_line(shlex.split(line)[1:])
    assert read.mistakes == ()
    _, bound, _ = read.app.parse_args(read.tokens, exit_on_error=False, print_error=False)
    return [str(run) for run in bound.args], bound.kwargs.get("config") or CONFIGS[read.tokens[0]]()


def check(command: str, config: Config) -> None:
    runs = [] if command in ("train", "pack", "estimate") else ["runs/my run"]
    words, again = parsed(command_line(command, config, runs))
    assert words == runs
    assert again.model_dump() == config.model_dump()
    unwritten = {name for name in config.model_fields_set if getattr(config, name) in (None, (), "")}
    assert config.model_fields_set - unwritten <= again.model_fields_set <= config.model_fields_set


@pytest.mark.parametrize("command", sorted({*CONFIGS} - {"train", "estimate"}))
def test_what_was_given_comes_back(command: str) -> None:
    for settings in ({}, *GIVEN[command]):
        check(command, build(CONFIGS[command], settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"stage": "moco", "queue_size": "auto", "temperature": 0.5, "compile": False, "sync_bn": False},
        {"stage": "pretext", "weights": {"jigsaw": 2}, "out": Path("runs/a"), "deterministic": True, "lr": 1e-05},
        {"stage": "tower", "epochs": 3, "value_range": "auto", "init": "runs/weights.safetensors"},
        {"recipe": "mtcp", "minutes": 1.5, "keep": 1, "weight_decay": 0},
        {"stage": "simclr", "minutes": 2, "overwrite": True},
    ],
)
def test_training_by_a_stage_or_a_recipe_comes_back(settings: dict[str, Any]) -> None:
    known = config_class(settings.get("stage", "moco"), settings.get("recipe")).model_fields
    check("train", train_config({name: value for name, value in settings.items() if name in known}))


@pytest.mark.parametrize("stage", STAGES)
def test_every_setting_of_a_stage_given_with_its_default_comes_back(stage: str) -> None:
    kind = config_class(stage)
    check("train", build(kind, {**kind().model_dump(exclude={"recipe"}), "stage": stage}))


@pytest.mark.parametrize("command", sorted({*CONFIGS} - {"train", "estimate"}))
def test_every_setting_given_with_its_default_comes_back(command: str) -> None:
    kind = CONFIGS[command]
    given = kind().model_dump(exclude={"data"} if command == "segment" else {"overlap"})
    check(command, build(kind, given))


def test_options_stand_in_the_order_of_the_help_page_quoted_for_a_shell() -> None:
    config = build(CONFIGS["probe"], {"seed": 3, "quiet": True, "amp": False, "data": "a b"})
    assert command_line("probe", config, ["my run"]) == (
        "fastssl probe 'my run' --data 'a b' --no-amp --seed 3 --quiet"
    )

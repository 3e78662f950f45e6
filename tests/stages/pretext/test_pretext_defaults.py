"""How pretext is put together: its tasks for the data, where it starts from, where it goes, what it refuses."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import fastssl
from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder
from fastssl.stages.pretext.defaults import PretextDefaults
from fastssl.stages.pretext.settings import PretextConfig, PretextSettings
from fastssl.stages.registry import train_config
from fastssl.stages.stage_defaults import RunInfo
from fastssl.training.initial_weights import initial_weights
from fastssl.training.resolve import resolve
from fastssl.training.run_folder import folder_of
from fastssl.training.stored_settings import read_settings

DEFAULTS = PretextDefaults()
GREY, COLOUR = RunInfo(images=200, channels=1, size=28), RunInfo(images=200, channels=3, size=28)
SMALL = {"encoder": "test_resnet", "batch_size": 16, "device": "cpu", "amp": False, "steps": 2}


def config(**settings: Any) -> PretextConfig:
    made = train_config({"stage": "pretext", "size": 28, **settings})
    assert isinstance(made, PretextConfig)
    return made


def resolved(info: RunInfo = GREY, **settings: Any) -> PretextSettings:
    asked = config(**settings)
    shared = {"encoder": ("test_resnet", "as it is"), "size": (28, "as it is"), "stem": ("standard", "as it is")}
    shared["monitor"] = ("off", "as it is")
    found = resolve(asked, DEFAULTS, replace(info, size=asked.size or 28), name="tiny", shared=shared).settings
    assert isinstance(found, PretextSettings)
    return found


def train(stage: str, out: Path, data: Path, **settings: Any) -> tuple[fastssl.TrainResult, str]:
    console = Console(file=io.StringIO(), width=40)
    result = fastssl.train(**{"stage": stage} | SMALL | settings, data=str(data), out=out, console=console)
    return result, console.file.getvalue()  # type: ignore[attr-defined]


def differs(one: Path, other: Path) -> bool:
    left, right = (fastssl.load_encoder(path).module.state_dict() for path in (one, other))
    return not all(torch.equal(left[key], right[key]) for key in left)


def test_colour_images_get_every_task_and_grey_ones_all_but_colorize() -> None:
    assert [name for name, _ in DEFAULTS.view(resolved(COLOUR), COLOUR).tasks] == ["jigsaw", "inpaint", "colorize"]
    assert [name for name, _ in DEFAULTS.view(resolved(GREY), GREY).tasks] == ["jigsaw", "inpaint"]
    assert DEFAULTS.messages(resolved(COLOUR), COLOUR) == []
    (message,) = DEFAULTS.messages(resolved(GREY), GREY)
    assert message.startswith("colorize is left out: it needs RGB images")


def test_the_first_prediction_is_the_mean_so_that_restoration_need_not_unlearn_noise() -> None:
    encoder, spec = create_encoder("test_resnet", 3, 28), EncoderSpec(name="test_resnet", in_channels=3, size=28)
    stage: Any = DEFAULTS.stage(resolved(COLOUR), encoder, spec, COLOUR)
    images = torch.randn(4, 3, 28, 28)
    for name in ("inpaint", "colorize"):
        assert not stage.tasks[name].predict(encoder, {"image": images}).any()
        assert all(parameter.any() for parameter in stage.tasks[name].decoder.blocks[0][0].parameters())
    assert stage.tasks["jigsaw"].head(encoder(images)).any()


def test_weights_are_of_the_draw_or_of_the_sum() -> None:
    given = {"tasks": "jigsaw,inpaint", "task_weights": "inpaint=3,jigsaw=0.5", "patch": 7}
    view = DEFAULTS.view(resolved(**given), GREY)
    assert (view.weights, view.one_per_batch) == ((0.5, 3.0), True)
    assert dict(view.tasks)["inpaint"].side == 7
    assert not DEFAULTS.view(resolved(**given, task_mode="all"), GREY).one_per_batch


@pytest.mark.parametrize(
    ("given", "size", "side"),
    [(None, 28, 14), ("auto", 30, 15), (9, 28, 9), ("9", 28, 9), (0.25, 28, 7), (0.5, 27, 14), (1, 28, 1)],
)
def test_the_patch_is_in_pixels_and_a_share_of_older_versions_becomes_pixels(given: Any, size: int, side: int) -> None:
    settings = resolved(tasks="inpaint", size=size, patch=given)
    assert settings.patch == side
    assert dict(DEFAULTS.view(settings, GREY).tasks)["inpaint"].side == side


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"tasks": ["inpaint", "jigsaw"]}, ("jigsaw", "inpaint")),
        ({"tasks": "colorize"}, ("colorize",)),
        ({"task_weights": {"inpaint": 2}}, ("inpaint=2.0",)),
        ({"task_weights": "inpaint=2,jigsaw=.5"}, ("jigsaw=0.5", "inpaint=2.0")),
        ({"task_weights": ""}, ()),
    ],
)
def test_tasks_and_weights_are_written_in_one_way(settings: dict[str, Any], expected: tuple[str, ...]) -> None:
    (name,) = settings
    assert getattr(config(**settings), name) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tasks": "jigsaw,rotate"}, "tasks='jigsaw,rotate': give one or more of jigsaw, inpaint, colorize"),
        ({"tasks": ()}, "tasks=.*give one or more of"),
        ({"task_weights": "1,2"}, "task_weights='1,2': give a positive number for one or more of jigsaw.*jigsaw=2"),
        ({"task_weights": "jigsaw=0"}, "give a positive number"),
        ({"task_weights": "jigsaw=nan"}, "give a positive number"),
        ({"task_weights": "rotate=1"}, "give a positive number"),
        ({"task_weights": 3}, "give a positive number"),
        ({"patch": 7.5}, "patch=7.5: give whole pixels"),
        ({"patch": 0}, "patch=0"),
        ({"task_mode": "two"}, "task_mode='two'"),
        ({"stage": "moco", "patch": 7}, "patch is a setting of --stage pretext, not of --stage moco"),
    ],
)
def test_settings_that_mean_nothing_are_refused_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        config(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "info", "message"),
    [
        ({"tasks": "colorize"}, GREY, "tasks=colorize: needs RGB images, and these have 1 channel"),
        ({"tasks": "jigsaw", "task_weights": "inpaint=2"}, GREY, "inpaint not among --tasks jigsaw"),
        ({"freeze_bn": True}, replace(GREY, batch_norm=False), "freeze_bn=True: the encoder has no batch norm"),
    ],
)
def test_what_does_not_suit_the_data_or_the_encoder_is_a_problem(
    settings: dict[str, Any], info: RunInfo, message: str
) -> None:
    (problem,) = DEFAULTS.problems(config(**settings), info)
    assert message in problem


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 27}, "size 27 does not divide into 2 tiles: use 2[68]"),
        ({"patch": 28}, "patch must leave some of the image"),
    ],
)
def test_a_task_that_cannot_be_set_at_this_size_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DEFAULTS.view(resolved(**settings), GREY)


def test_frozen_statistics_of_random_weights_are_remarked_on(tmp_path: Path) -> None:
    assert "random weights" in DEFAULTS.messages(resolved(COLOUR, freeze_bn=True), COLOUR)[0]
    assert DEFAULTS.messages(resolved(COLOUR, freeze_bn=True, init=tmp_path), COLOUR) == []


def test_without_an_encoder_it_starts_from_random_weights_and_says_how_to_give_one(tmp_path: Path) -> None:
    init, line = initial_weights(config(), tmp_path / "run")
    assert init is None
    assert line == "starts from random weights: give a trained encoder with --init RUN"
    init, line = initial_weights(config(init=tmp_path / "other"), tmp_path / "run")
    assert (init, line) == (tmp_path / "other", f"starts from {tmp_path / 'other'}")


def test_it_starts_from_the_moco_run_next_to_it(tmp_path: Path, grey_npz: Path) -> None:
    train("moco", tmp_path / "moco", grey_npz, lr=0.5)
    result, text = train("pretext", tmp_path / "pretext", grey_npz, lr=1e-12)
    assert f"starts from the MoCo run in {tmp_path / 'moco'}\n" in text
    assert read_settings(result.folder)["init"] == str(tmp_path / "moco")
    trained, started = (fastssl.load_encoder(path).module for path in (tmp_path / "moco", result.folder))
    torch.testing.assert_close(trained.conv1[0].weight, started.conv1[0].weight)


def test_it_goes_inside_the_moco_run_that_out_names_and_leaves_that_as_it_is(tmp_path: Path, grey_npz: Path) -> None:
    train("moco", tmp_path / "a", grey_npz)
    before = (tmp_path / "a" / "encoder.safetensors").read_bytes()
    result, text = train("pretext", tmp_path / "a", grey_npz, stop_after=1)
    assert result.folder == tmp_path / "a" / "pretext"
    assert f"starts from the MoCo run in {tmp_path / 'a'}\n" in text
    result, _ = train("pretext", tmp_path / "a", grey_npz, resume=True)
    assert (result.folder, result.finished) == (tmp_path / "a" / "pretext", True)
    assert (tmp_path / "a" / "encoder.safetensors").read_bytes() == before
    assert differs(tmp_path / "a", result.folder)
    assert folder_of(config(out=result.folder)) == result.folder
    with pytest.raises(ConfigError, match="holds a run already"):
        train("pretext", tmp_path / "a", grey_npz)


def test_it_finds_the_default_moco_run_of_its_data(
    tmp_path: Path, grey_npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for stage in ("moco", "pretext"):
        console = Console(file=io.StringIO())
        fastssl.train(**SMALL, stage=stage, data=str(grey_npz), console=console)
    assert "starts from the MoCo run in runs/moco-grey" in console.file.getvalue()  # type: ignore[attr-defined]
    assert (tmp_path / "runs" / "pretext-grey" / "encoder.safetensors").is_file()


def test_by_default_it_is_in_colour_and_says_why_mocos_default_run_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    moco = Path("runs/moco-demo")
    moco.mkdir(parents=True)
    (moco / "config.yaml").write_text("{stage: moco, data: demo}")
    save_encoder(
        moco / "encoder.safetensors",
        create_encoder("test_resnet", 1, 28),
        EncoderSpec(name="test_resnet", in_channels=1, size=28),
    )
    asked = train_config({"stage": "pretext"})
    init, line = initial_weights(asked, folder_of(asked))
    assert init is None
    assert "runs/moco-demo is a MoCo run on other data (demo); " in line
    (moco / "config.yaml").rename(tmp_path / "config.yaml")
    colour = Path("runs/moco-demo-colour")
    moco.rename(colour)
    (colour / "config.yaml").write_text("{stage: moco, data: demo-colour}")
    assert initial_weights(asked, folder_of(asked))[0] == colour


def test_a_moco_run_that_does_not_fit_is_left_alone_and_said_so(tmp_path: Path, grey_npz: Path) -> None:
    train("moco", tmp_path / "moco", grey_npz)
    folder = tmp_path / "run"
    cases = [
        ({"data": "demo"}, f"on other data ({grey_npz})"),
        ({"data": str(grey_npz), "encoder": "resnet18"}, "with another encoder (test_resnet)"),
        ({"data": str(grey_npz), "stem": "small"}, "with another stem (standard)"),
    ]
    for settings, reason in cases:
        init, line = initial_weights(config(**settings), folder)
        assert init is None
        assert f"{tmp_path / 'moco'} is a MoCo run {reason}; give a trained encoder" in line


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((40, 20, 20), {}),
        ((40, 20, 20, 3), {"task_mode": "all"}),
        ((40, 32, 32, 3), {"encoder": "test_vit"}),
        ((40, 32, 32, 3), {"encoder": "test_convnext"}),
        ((40, 20, 20, 3), {"encoder": "test_efficientnet", "freeze_bn": True}),
    ],
    ids=["grey", "all", "transformer", "ConvNeXt", "EfficientNet"],
)
def test_it_trains_on_every_kind_of_image_and_encoder(
    tmp_path: Path, shape: tuple[int, ...], settings: dict[str, Any]
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.savez(tmp_path / "data.npz", train_images=pictures)
    result, _ = train("pretext", tmp_path / "run", tmp_path / "data.npz", **{"steps": 4} | settings)
    assert result.finished
    records = (result.folder / "metrics.jsonl").read_text().splitlines()
    assert len(records) == result.step
    tasks = {"jigsaw", "inpaint"} | ({"colorize"} if len(shape) == 4 else set())
    if settings.get("task_mode") == "all":
        assert all(f"{task}/loss" in line for line in records for task in tasks)
    else:
        assert all(sum(f"{task}/loss" in line for task in tasks) == 1 for line in records)

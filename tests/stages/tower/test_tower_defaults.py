"""TOWER's defaults: masks by modality, each row of the ablation as one command, whole runs that learn and resume."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import fastssl
from fastssl.cli import main
from fastssl.data import open_source
from fastssl.data.labels.medmnist_table import FLAGS, describe
from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.unet import UNet, create_unet
from fastssl.pipelines import BlockMask, RayMask, StripeMask, TowerPairs
from fastssl.stages.stage_defaults import RunInfo
from fastssl.stages.tower.defaults import TowerDefaults, auto_mask
from fastssl.stages.tower.objective import Tower
from fastssl.stages.tower.settings import TowerConfig, TowerSettings
from fastssl.training.resolve import resolve

DEFAULTS = TowerDefaults()
INFO = RunInfo(images=500, channels=1, size=32, modality="breast ultrasound")
QUICK = {"stage": "tower", "encoder": "test_resnet", "batch_size": 16, "seed": 3, "device": "cpu", "amp": False}


def resolved(info: RunInfo = INFO, **settings: Any) -> TowerSettings:
    config = TowerConfig(batch_size=32, **settings)
    shared = {"encoder": ("test_resnet", "as it is"), "size": (32, "as it is"), "stem": ("standard", "as it is")}
    shared["monitor"] = ("off", "as it is")
    found = resolve(config, DEFAULTS, info, name="tiny", shared=shared).settings
    assert isinstance(found, TowerSettings)
    return found


def stage_and_view(**settings: Any) -> tuple[Tower, TowerPairs]:
    config = resolved(**settings)
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=32)
    stage = DEFAULTS.stage(config, create_encoder(spec.name, 1, 32, seed=0), spec, INFO)
    return stage, DEFAULTS.view(config, INFO)


def train(out: Path, data: str, **settings: Any) -> fastssl.TrainResult:
    return fastssl.train(**QUICK | settings, data=data, out=out, console=Console(file=io.StringIO()))


def records(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("flag", FLAGS)
def test_the_mask_follows_the_modality_of_every_medmnist_set(flag: str) -> None:
    rays, blocks = {"retinamnist"}, {"organamnist", "organcmnist", "organsmnist"}
    expected = "ray" if flag in rays else "block" if flag in blocks else "stripe"
    assert auto_mask(describe(flag).modality)[0] == expected


@pytest.mark.parametrize(
    ("modality", "mask"),
    [
        ("unknown", "stripe"),
        ("CT", "block"),
        ("chest CT, contrast phase", "block"),
        ("octopus", "stripe"),
        ("Xray", "stripe"),
        ("Colour fundus", "ray"),
    ],
)
def test_the_mask_follows_words_not_letters(modality: str, mask: str) -> None:
    assert auto_mask(modality)[0] == mask


@pytest.mark.parametrize(
    ("modality", "settings", "mask"),
    [
        ("fundus photography", {}, RayMask(0.6)),
        ("abdominal CT", {}, BlockMask(0.5)),
        ("chest X-ray", {}, StripeMask(0.5)),
        ("chest X-ray", {"mask": "ray"}, RayMask(0.6)),
        ("fundus photography", {"mask": "block"}, BlockMask(0.5)),
        ("fundus photography", {"mask_ratio": 0.25}, RayMask(0.25)),
    ],
)
def test_shape_and_share_of_the_mask_can_each_be_asked_for(modality: str, settings: dict[str, Any], mask: Any) -> None:
    info = RunInfo(images=500, channels=1, size=32, modality=modality)
    assert DEFAULTS.view(resolved(info, **settings), info).mask == mask


def test_the_optimiser_is_the_papers() -> None:
    config = resolved()
    optimizer = DEFAULTS.optimizer(config)([torch.nn.Parameter(torch.zeros(2))])
    assert isinstance(optimizer, torch.optim.Adam)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-3, (0.9, 0.99), 0.0)
    assert config.temperature == 0.1
    asked = DEFAULTS.optimizer(resolved(lr=0.01, weight_decay=0.1))([torch.nn.Parameter(torch.zeros(2))])
    assert (asked.param_groups[0]["lr"], asked.param_groups[0]["weight_decay"]) == (0.01, 0.1)


def test_the_encoder_is_the_papers_where_there_is_a_gpu() -> None:
    assert DEFAULTS.encoder(on_cuda=True)[0] == "resnet50"
    assert DEFAULTS.encoder(on_cuda=False)[0] == "resnet18"


@pytest.mark.parametrize(
    ("row", "settings"),
    [
        ("Gen(NL)", {"terms": "generative", "transforms": "bezier"}),
        ("Gen(M)", {"terms": "generative", "transforms": "mask"}),
        ("Con(NL+M)", {"terms": "contrastive"}),
        ("TOWER", {}),
    ],
)
def test_every_row_of_the_papers_ablation_is_one_command(row: str, settings: dict[str, str]) -> None:
    stage, view = stage_and_view(**settings)
    assert isinstance(stage.network, UNet) == (row != "Con(NL+M)")
    assert (stage.head is not None) == (row in ("Con(NL+M)", "TOWER"))
    assert view.probability == (0.0 if row == "Gen(M)" else 1.0)
    assert view.mask == (None if row == "Gen(NL)" else StripeMask(0.5))
    assert view.curves == "tower"


def test_random_curves_are_those_of_models_genesis() -> None:
    assert stage_and_view(curves="random")[1].curves == "random"


def test_pictures_are_normalised_as_for_every_stage_so_that_encoders_can_go_from_one_to_another() -> None:
    stage, view = stage_and_view()
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=32)
    assert view.mean == spec.channel_mean
    assert view.std == spec.channel_std
    assert (stage.mean, stage.std) == (spec.mean, spec.std)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"terms": "generative", "temperature": 0.2}, "temperature=0.2: --terms generative has no contrast"),
        ({"transforms": "bezier", "mask": "ray"}, "mask=ray: --transforms bezier has no mask"),
        ({"transforms": "bezier", "mask_ratio": 0.3}, "mask_ratio=0.3: --transforms bezier has no mask"),
        ({"transforms": "mask", "curves": "random"}, "curves=random: --transforms mask has no curve"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(**settings)
    assert list(caught.value.problems) == [problem]


def test_the_loss_of_a_guess_is_told_where_there_is_a_contrast() -> None:
    (notice,) = DEFAULTS.messages(resolved(), INFO)
    assert notice.startswith("ln(2B-1) = 4.14 ")  # 63 others
    assert DEFAULTS.messages(resolved(terms="generative"), INFO) == []


def test_at_the_command_line_a_bad_choice_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = {"--stage": "tower", "--encoder": "test_vit", "--data": "demo", "--size": "32", "--out": str(out)}
    assert main(["train", *[word for option in options.items() for word in option]]) == 2
    said = capsys.readouterr().err
    assert "no feature pyramid" in said
    assert said.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    "settings",
    [{}, {"terms": "generative", "transforms": "bezier"}, {"terms": "contrastive", "mask": "ray"}, {"amp": True}],
    ids=["tower", "gen-nl", "con-rays", "bf16"],
)
def test_a_resumed_run_ends_in_the_same_bytes(tmp_path: Path, grey_npz: Path, settings: dict[str, Any]) -> None:
    def outcome(run: Path) -> dict[str, bytes]:
        files = [*max((run / "checkpoints").glob("step-*")).iterdir(), *run.glob("*.safetensors")]
        return {str(file.relative_to(run)): file.read_bytes() for file in files}

    train(tmp_path / "whole", str(grey_npz), steps=8, **settings)
    train(tmp_path / "cut", str(grey_npz), steps=8, **settings, stop_after=4)
    assert train(tmp_path / "cut", str(grey_npz), steps=8, **settings, resume=True).finished
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")


def test_a_run_leaves_an_encoder_and_a_decoder_that_fit_a_new_unet(tmp_path: Path, grey_npz: Path) -> None:
    from safetensors.torch import load_file

    train(tmp_path / "run", str(grey_npz), steps=1)
    unet = create_unet(fastssl.load_encoder(tmp_path / "run").module, 1, 20, outputs=2)
    unet.decoder.load_state_dict(load_file(tmp_path / "run" / "decoder.safetensors"), strict=True)


def test_both_terms_fall_on_the_demo_set(tmp_path: Path) -> None:
    """Under masks alone: the set's classes come in either polarity, so nobody could undo a curve that inverts them."""
    train(tmp_path / "run", "demo", steps=40, batch_size=32, transforms="mask")
    first, *_, last = np.array_split(records(tmp_path / "run"), 8)
    mean = {
        name: [np.mean([r[name] for r in part]) for part in (first, last)] for name in ("contrastive", "generative")
    }
    assert mean["contrastive"][1] < 0.7 * mean["contrastive"][0]
    top1 = [r["top1"] for r in records(tmp_path / "run") if "top1" in r]  # of steps 1, 11, 21 and 31
    assert len(top1) == 4
    assert top1[-1] > 1.2 * top1[0]
    constant = np.var(open_source("demo").splits["train"].images / 255)
    assert mean["generative"][1] < 0.7 * constant

"""Pre-trained encoders next to the runs: their names, their sides, and what is said where one cannot be had."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from rich.console import Console
from safetensors.torch import save_file

import fastssl
from fastssl.cli import main
from fastssl.config import FinetuneConfig, ProbeConfig, build
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.candidates import open_run, run_candidates
from fastssl.evaluation.shared.pretrained import models_asked_for, pretrained_candidates
from fastssl.models.imagenet import MISSING, is_self_supervised
from fastssl.models.timm_fit import whole_patches

QUICK: dict[str, Any] = {"device": "cpu", "amp": False, "quiet": True}


def labels(**settings: Any) -> list[str]:
    return [model.label for model in models_asked_for(build(ProbeConfig, {"imagenet": "none", **settings}))[0]]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file as timm has it: three channels, and a classifier."""
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.mark.parametrize(
    ("name", "without_classes"),
    [
        ("resnet18", False),
        ("tf_efficientnet_lite0", False),
        ("vit_base_patch16_clip_224.openai_ft_in1k", False),
        ("vit_small_patch14_dinov2", True),
        ("vit_small_patch16_224.dino", True),
        ("vit_small_patch16_dinov3.lvd1689m", True),
        ("convnext_tiny.dinov3_lvd1689m", True),
        ("vit_base_patch32_clip_224.openai", True),
        ("convnextv2_atto.fcmae", True),
    ],
)
def test_models_that_saw_no_classes_are_not_called_imagenet(name: str, without_classes: bool) -> None:
    assert is_self_supervised(name) is without_classes
    assert labels(imagenet=name) == [f"{'timm' if without_classes else 'ImageNet'} {name}"]
    assert labels(baseline=f"timm:{name}") == [f"timm {name}"]


def test_two_of_one_name_are_told_apart_by_file_or_side() -> None:
    given = ["timm:resnet18=a.pth", "timm:resnet18@64=b.pth", "timm:resnet18@128"]
    assert labels(baseline=given) == ["timm resnet18 (a.pth)", "timm resnet18 (b.pth, 64 px)", "timm resnet18 (128 px)"]
    with pytest.raises(ConfigError, match=r"baseline: timm resnet18 \(w.pth\) is given twice"):
        labels(baseline=["timm:resnet18=a/w.pth", "timm:resnet18=b/w.pth"])


def test_imagenet_is_a_baseline_by_another_name(run_folder: Path, weights: Path) -> None:
    """The same encoder, at the same size, with the same normalisation."""
    (run,) = run_candidates([open_run(run_folder)], [run_folder], None)
    by_name = {"imagenet": "test_resnet", "imagenet_weights": weights}
    asked = [by_name, {"imagenet": None, "baseline": f"timm:test_resnet={weights}"}]
    first, second = (
        pretrained_candidates(models_asked_for(build(FinetuneConfig, settings))[0], run, 48)[0] for settings in asked
    )
    assert (first.label, second.label) == ("ImageNet test_resnet", "timm test_resnet")
    assert first.view == second.view
    images = torch.rand(2, 1, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(second.start(0).encoder(images), first.start(0).encoder(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "size", "whole"),
    [("vit_small_patch14_dinov2", 128, 140), ("vit_small_patch16_dinov3", 128, 128), ("resnet18", 130, 130)],
)
def test_patches_that_do_not_divide_the_side_get_the_next_one(name: str, size: int, whole: int) -> None:
    assert whole_patches(name, size) == whole


def test_a_probe_shows_baselines_from_files(run_folder: Path, weights: Path) -> None:
    given = [f"timm:test_resnet={weights}", f"timm:test_resnet@32={weights}"]
    result = fastssl.probe(run_folder, console=quiet(), imagenet="none", baseline=given, **QUICK)
    names = list(dict.fromkeys(row.features for row in result.rows))
    expected = ["timm test_resnet (weights.safetensors)", "timm test_resnet (weights.safetensors, 32 px)"]
    assert names == ["trained", "random init", *expected, "raw pixels"]
    for name, size in zip(expected, (128, 32), strict=True):
        assert f"{name} sees the same images, resized to {size} px" in result.notes
        assert result.row(name, "kNN").detail is not None
    stored = json.loads((run_folder / "report" / "probe.json").read_text())
    assert [row["features"] for row in stored["rows"]] == [row.features for row in result.rows]


def test_few_shot_and_fine_tuning_compare_with_baselines_too(run_folder: Path, weights: Path) -> None:
    given = {"baseline": f"timm:test_resnet@16={weights}", **QUICK}
    few = fastssl.fewshot(run_folder, console=quiet(), shots=1, seeds=2, imagenet="none", **given)
    assert few.encoders == ("run", "random init", "timm test_resnet", "raw pixels")
    tuned = fastssl.finetune(run_folder, console=quiet(), trials=1, epochs=1, **given)
    assert [row.encoder for row in tuned.rows] == ["run", "random init (supervised from scratch)", "timm test_resnet"]
    assert [one.against for one in tuned.comparisons] == [row.encoder for row in tuned.rows[1:]]
    assert any("timm test_resnet sees images of 16 px only: timm:test_resnet@128 is fairer" in n for n in tuned.notes)


def test_a_probe_says_when_it_has_no_imagenet_encoder_or_no_pixels(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastssl.evaluation.shared.pretrained.is_at_hand", lambda _: False)
    monkeypatch.setattr("fastssl.evaluation.shared.raw_pixels.MOST_PIXELS", 255)
    result = fastssl.probe(run_folder, console=quiet(), **QUICK)
    assert MISSING in result.notes
    assert "no raw pixels: images of 256 values each are too large for a linear model (255 at most)" in result.notes
    assert {row.features for row in result.rows} == {"trained", "random init"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ["--baseline", "timm:vit_small_patch14_dinov2"],
            "baseline='vit_small_patch14_dinov2': its weights cannot be downloaded (no connection); fetch "
            "model.safetensors of timm/vit_small_patch14_dinov2.lvd142m on a machine that reaches it, and give "
            "--baseline timm:vit_small_patch14_dinov2=FILE",
        ),
        (["--baseline", "timm:resnet19"], "baseline='resnet19': not a timm model, did you mean 'resnet18'?"),
        (["--baseline", "resnet18"], "'resnet18': give timm:NAME, timm:NAME@SIZE or timm:NAME=FILE"),
        (["--baseline", "timm:resnet18=nowhere.pth"], "nowhere.pth: no such file"),
        (["--baseline", "timm:convnext_atto@16"], "give timm:convnext_atto@32 or more"),
        (
            ["--baseline", "timm:coatnet_0_224@224"],
            "timm has no weights for it; give --baseline timm:coatnet_0_224=FILE",
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else None,
)
def test_a_baseline_that_cannot_be_had_is_one_clear_line_and_leaves_nothing(
    options: list[str],
    expected: str,
    run_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fastssl.models.imagenet.is_cached", lambda _: False)
    monkeypatch.setattr("fastssl.models.imagenet.why_unreachable", lambda: "no connection")
    assert main(["probe", str(run_folder), "--imagenet", "none", "--device", "cpu", *options]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1
    assert not (run_folder / "report").exists()

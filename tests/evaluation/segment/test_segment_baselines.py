"""U-Nets whose encoder has the weights of a timm model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from rich.console import Console
from safetensors.torch import save_file

import fastssl
from fastssl.config import SegmentConfig, build
from fastssl.errors import ConfigError
from fastssl.evaluation.segment.initialization import Initialization, build_network, find_initializations


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def found(weights: Path, said: list[str]) -> list[Initialization]:
    config = build(SegmentConfig, {"baseline": f"timm:test_resnet={weights}"})
    return find_initializations(["random"], {}, config, channels=1, size=32, notify=said.append)


def test_the_encoder_has_timm_s_weights_and_normalisation_and_the_decoder_is_random(weights: Path) -> None:
    said: list[str] = []
    random, own = found(weights, said)
    assert (random.name, own.name, own.encoder_init, own.decoder_init) == (
        "random",
        "timm test_resnet",
        "pretrained",
        "random",
    )
    assert own.label == "timm test_resnet-pretrained-random"
    assert own.spec.channel_mean == pytest.approx((np.mean(timm.get_pretrained_cfg("test_resnet").mean),))
    assert any("weights.safetensors: " in line for line in said)
    network, again = (build_network(own, 32, seed) for seed in (0, 1))
    theirs = timm.create_model(
        "test_resnet", pretrained=True, in_chans=1, num_classes=0, pretrained_cfg_overlay={"file": str(weights)}
    ).state_dict()
    for name, value in network.encoder.state_dict().items():
        matching = [key for key in theirs if name.endswith(key)]
        assert any(torch.equal(value, theirs[key]) for key in matching), name
    first, second = (next(one.decoder.parameters()) for one in (network, again))
    assert not torch.equal(first, second)


def test_a_baseline_is_a_row_of_the_comparison(weights: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    settings = {"steps": 2, "batch_size": 4, "encoder": "test_resnet", "device": "cpu"}
    settings |= dict(zip(("images", "masks"), folders, strict=True))
    result = fastssl.segment(
        "random", console=Console(file=io.StringIO(), width=120), out=tmp_path / "out", quiet=True,
        baseline=f"timm:test_resnet={weights}", **settings,
    )  # fmt: skip
    assert [row.run for row in result.rows] == ["all foreground", "random", "timm test_resnet"]
    assert 0 <= result.row("timm test_resnet", "pretrained", "random").mean("dice") <= 1
    assert (tmp_path / "out" / "report" / "overlays" / "timm test_resnet-pretrained-random").is_dir()


def test_a_side_is_refused_as_patches_have_their_own() -> None:
    with pytest.raises(ConfigError, match="a U-Net sees patches, whose side is --patch; leave @SIZE out"):
        build(SegmentConfig, {"baseline": "timm:resnet18@64"})

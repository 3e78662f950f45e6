"""Going on from weights of others, as commands do it: what is said and kept, resumed without the file, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file

import fastssl
from fastssl.errors import ConfigError
from fastssl.training.stored_settings import read_facts, read_settings

SETTINGS: dict[str, Any] = {
    "stage": "moco",
    "encoder": "test_resnet",
    "batch_size": 16,
    "queue_size": 32,
    "steps": 6,
    "device": "cpu",
    "amp": False,
    "freeze": 2,
    "lr_decay": 0.6,
    "monitor": "off",
}
FROZEN = ("conv1.", "bn1.", "layer1.")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Published weights of the encoder, as MoCo's training script would write them."""
    torch.manual_seed(0)
    model = timm.create_model("test_resnet")
    model(torch.randn(8, 3, 32, 32))
    state = {f"module.encoder_q.{key}": value for key, value in model.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": state}, tmp_path / "moco.pth.tar")
    return tmp_path / "moco.pth.tar"


def test_a_run_from_others_weights_resumes_to_the_bit_without_them_and_what_is_frozen_is_theirs(
    weights: Path, grey_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    fastssl.train(**SETTINGS, data=grey_npz, init=weights, out=whole)
    said = " ".join(capsys.readouterr().out.split())
    matched = "90 tensors under state_dict.module.encoder_q.; 2 left out (fc); the first convolution is summed over"
    assert matched in said
    assert "freeze 2 of 5 stages, 15 of 45 weights; batch norms keep their statistics" in said
    assert matched in read_facts(whole)["init"]
    fastssl.train(**SETTINGS, data=grey_npz, init=weights, out=cut, stop_after=3)
    theirs = torch.load(weights, weights_only=True)["state_dict"]
    weights.unlink()
    fastssl.train(data=grey_npz, out=cut, resume=True)
    assert (cut / "encoder.safetensors").read_bytes() == (whole / "encoder.safetensors").read_bytes()
    encoder = load_file(whole / "encoder.safetensors")
    frozen = {key: value for key, value in encoder.items() if key.startswith(FROZEN)}
    assert len(frozen) > 20
    for key, value in frozen.items():
        own = theirs[f"module.encoder_q.{key}"]
        assert torch.equal(value, own.sum(dim=1, keepdim=True) if key == "conv1.0.weight" else own)
    assert not torch.equal(encoder["layer2.0.conv1.weight"], theirs["module.encoder_q.layer2.0.conv1.weight"])


def test_weights_by_name_choose_the_encoder_and_are_kept_by_name(
    weights: Path, grey_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = {name: value for name, value in SETTINGS.items() if name != "encoder"}
    fastssl.train(**own, data=grey_npz, init=f"timm:test_resnet={weights.name}", out="run")
    kept = read_settings(Path("run"))
    assert (kept["encoder"], kept["init"]) == ("test_resnet", f"timm:test_resnet={weights}")
    fastssl.train(data=grey_npz, out="run", resume=True)
    fastssl.train(data=grey_npz, init=f"timm:test_resnet={weights}", out="run", resume=True)
    with pytest.raises(ConfigError, match="freeze=1: the run to resume has 2"):
        fastssl.train(data=grey_npz, freeze=1, out="run", resume=True)


def test_the_stages_of_a_recipe_start_from_the_weights_and_then_from_each_other(
    weights: Path, grey_npz: Path, tmp_path: Path
) -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != "stage"} | {"steps": 2}
    fastssl.train(**settings, recipe="mtcp", data=grey_npz, init=weights, out=tmp_path / "run")
    first, second = (read_facts(tmp_path / "run" / stage) for stage in ("moco", "pretext"))
    assert "under state_dict.module.encoder_q." in first["init"]
    assert second["init"] == f"{tmp_path / 'run' / 'moco'} (the encoder of the stage before)"
    encoders = [load_file(tmp_path / "run" / stage / "encoder.safetensors") for stage in ("moco", "pretext")]
    assert all(torch.equal(encoders[0][key], encoders[1][key]) for key in encoders[0] if key.startswith(FROZEN))
    assert not torch.equal(encoders[0]["layer2.0.conv1.weight"], encoders[1]["layer2.0.conv1.weight"])


def test_an_estimate_starts_from_them_too(weights: Path, grey_npz: Path, tmp_path: Path) -> None:
    settings = {**SETTINGS, "data": grey_npz, "init": weights, "out": tmp_path / "run"}
    found = fastssl.estimate(**settings, largest_batch=False)
    assert {"init", "freeze", "lr_decay"} <= {one.name for one in found.stages[0].reasons}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"init": "timm:resnet50"}, "init='timm:resnet50' and encoder='test_resnet' contradict each other"),
        ({"init": "timm:test_resnet=gone.pth"}, "gone.pth: no such file"),
        ({"freeze": 5}, "freeze=5: test_resnet has 5 stages, and one has to be trained; give at most 4"),
        ({"encoder": "poolformer_s12", "freeze": 0, "size": 32}, "lr_decay: timm does not say which layers of pool"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    grey_npz: Path, tmp_path: Path, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(fastssl.FastSSLError) as caught:
        fastssl.train(**{**SETTINGS, "data": grey_npz, "out": tmp_path / "run", **settings})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []

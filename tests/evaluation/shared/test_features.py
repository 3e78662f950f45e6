"""Frozen features: the encoder's own outputs in stored order, and a cache that can be trusted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fastssl.evaluation.shared.features import FeatureCache, FeatureKey, encoder_digest, extract
from fastssl.pipelines import Plain

KEY = FeatureKey(encoder="e", data="d", split="train", view="v", precision="float32")


def tiny_encoder(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers = (
        nn.Conv2d(1, 6, 3, stride=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return nn.Sequential(*layers)


def grey_images(count: int = 23) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 12, 12, 1), dtype=np.uint8)


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_features_are_the_encoder_s_in_eval_mode_and_stored_order(batch_size: int) -> None:
    images, encoder = grey_images(), tiny_encoder().train()
    features = extract(encoder, images, Plain(12, 1), device=torch.device("cpu"), batch_size=batch_size)
    pixels = (torch.from_numpy(images[..., 0]).float()[:, None] / 255 - 0.5) / 0.5
    assert encoder.training
    with torch.no_grad():
        expected = encoder.eval()(pixels)
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
    assert (features.dtype, features.is_inference()) == (torch.float32, False)


def test_half_precision_gives_nearly_the_same_features_in_float32() -> None:
    images, encoder = grey_images(), tiny_encoder()
    arguments = encoder, images, Plain(12, 1)
    single = extract(*arguments, device=torch.device("cpu"))
    half = extract(*arguments, device=torch.device("cpu"), amp_dtype=torch.bfloat16)
    assert half.dtype == torch.float32
    assert not torch.equal(half, single)
    torch.testing.assert_close(half, single, rtol=0.05, atol=0.02)


def test_the_digest_tells_weights_buffers_and_architecture_apart() -> None:
    encoder, digests = tiny_encoder(), set()
    digests.add(encoder_digest(encoder, "a"))
    assert encoder_digest(tiny_encoder(), "a") in digests
    digests.add(encoder_digest(encoder, "b"))
    digests.add(encoder_digest(tiny_encoder(1), "a"))
    encoder[1].running_mean[0] += 1
    digests.add(encoder_digest(encoder, "a"))
    assert len(digests) == 4


def test_features_are_found_by_everything_that_they_depend_on(tmp_path: Path) -> None:
    cache, features = FeatureCache(tmp_path / "features"), torch.randn(5, 3)
    assert cache.find(KEY) is None
    cache.keep(KEY, features)
    assert torch.equal(cache.find(KEY), features)
    for field in ("encoder", "data", "split", "view", "precision"):
        assert cache.find(replace(KEY, **{field: "other"})) is None
    assert not list((tmp_path / "features").glob("*.partial"))


@pytest.mark.parametrize("damage", ["flipped byte", "cut short", "empty", "other file"])
def test_a_damaged_entry_is_named_and_made_again(damage: str, tmp_path: Path) -> None:
    heard: list[str] = []
    cache, features = FeatureCache(tmp_path, heard.append), torch.randn(50, 4)
    cache.keep(KEY, features)
    path = cache.path(KEY)
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    damaged = {"flipped byte": content, "cut short": content[:-9], "empty": b"", "other file": b"PK" * 200}
    path.write_bytes(damaged[damage])
    assert cache.find(KEY) is None
    assert heard == [f"{path}: damaged; extracting these features again"]
    cache.keep(KEY, features)
    assert torch.equal(cache.find(KEY), features)


def test_a_folder_that_cannot_be_written_costs_the_cache_and_not_the_features(tmp_path: Path) -> None:
    heard: list[str] = []
    (tmp_path / "features").write_text("a file in the way")
    features = torch.randn(5, 3)
    cache = FeatureCache(tmp_path / "features", heard.append)
    cache.keep(KEY, features)
    assert len(heard) == 1
    assert "features not kept" in heard[0]

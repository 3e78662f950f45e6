"""Frozen features: a cache that can be trusted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fastssl.evaluation.shared.features import FeatureCache, FeatureKey, encoder_digest
from tests.tiny_encoder import tiny_encoder

KEY = FeatureKey(encoder="e", data="d", split="train", view="v", precision="float32")


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

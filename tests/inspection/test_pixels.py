"""What is kept of each image, against NumPy on whole arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.source import Source
from fastssl.inspection import pixels as module
from fastssl.inspection.pixels import look_at_pixels

from .conftest import MakeSource


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 1), (np.uint8, 3), (np.uint16, 1), (np.uint16, 4)])
def test_brightness_contrast_and_shares_are_those_of_the_pixels(
    make_source: MakeSource, dtype: type, channels: int
) -> None:
    top = np.iinfo(dtype).max
    images = np.random.default_rng(0).integers(0, top + 1, (5, 20, 30, channels), dtype=dtype)
    images[1] = images[1, :, :, :1]
    images[2, :5], images[3, :10, :15] = 0, top
    found = look_at_pixels(make_source({"train": images}))["train"]
    grey = images.mean(axis=3) / top
    assert np.allclose(found.brightness, grey.mean(axis=(1, 2)), atol=1e-6)
    assert np.allclose(found.contrast, grey.std(axis=(1, 2)), atol=1e-6)
    assert np.allclose(found.black, (images == 0).all(axis=3).mean(axis=(1, 2)))
    assert np.allclose(found.white, (images == top).all(axis=3).mean(axis=(1, 2)))
    assert found.grey.tolist() == ([True] * 5 if channels == 1 else [False, True, False, False, False])


def test_equal_pixels_have_equal_digests_and_no_others_have(make_source: MakeSource) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28, 3), dtype=np.uint8)
    images[4] = images[7]
    images[5] = images[7]
    images[5, 27, 27, 2] ^= 1
    digests = look_at_pixels(make_source({"train": images}))["train"].digests.tolist()
    assert digests[4] == digests[7]
    assert len(set(digests)) == 8


def test_chunks_and_splits_change_nothing(
    make_source: MakeSource, pictures: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = look_at_pixels(make_source({"train": pictures[:20]}))["train"]
    monkeypatch.setattr(module, "CHUNK_VALUES", 3 * pictures[0].size)
    parts = look_at_pixels(make_source({"train": pictures[:11], "test": pictures[11:20]}))
    for name in ("digests", "thumbnails", "brightness", "contrast"):
        joined = np.concatenate([getattr(own, name) for own in parts.values()])
        assert joined.tolist() == getattr(whole, name).tolist()


def test_of_many_images_evenly_spread_ones_are_looked_at(make_source: MakeSource) -> None:
    found = look_at_pixels(make_source({"train": np.zeros((100, 9, 9, 1), np.uint8)}), most=5)["train"]
    assert found.rows.tolist() == [0, 24, 49, 74, 99]
    assert len(found.digests) == len(found.thumbnails) == 5


def test_images_in_shards_are_read_a_part_at_a_time(
    tmp_path: Path, pictures: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastssl.data.shards import pack_source

    monkeypatch.setattr(module, "CHUNK_VALUES", 4 * pictures[0].size)
    np.savez(tmp_path / "set.npz", train_images=pictures[:10])
    plain: Source = open_source(tmp_path / "set.npz")
    sharded = open_source(pack_source(plain, tmp_path / "shards", shard_bytes=3 * pictures[0].size))
    one, other = (look_at_pixels(source)["train"] for source in (plain, sharded))
    assert one.digests.tolist() == other.digests.tolist()

"""Opening shards: an array that stays on the disk, and one clear line where the files are not what they were."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fastssl.data import ShardedImages, open_source
from fastssl.data.shards import pack_source, verify_shards, write_shards
from fastssl.errors import DataError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (100, 8, 8, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 2, 100)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """100 images in shards of 30."""
    samples = list(zip(PIXELS, LABELS, strict=True))
    return write_shards(tmp_path / "set", {"train": samples, "val": samples[:7]}, shard_bytes=30 * 192)


@pytest.fixture
def images(folder: Path) -> ShardedImages:
    found = open_source(folder).splits["train"].images
    assert isinstance(found, ShardedImages)
    return found


def test_it_has_the_shape_of_one_array(images: ShardedImages) -> None:
    own = (images.shape, images.dtype, images.nbytes, images.size, images.ndim, len(images))
    assert own == (PIXELS.shape, PIXELS.dtype, PIXELS.nbytes, PIXELS.size, PIXELS.ndim, len(PIXELS))


@pytest.mark.parametrize(
    "rows",
    [
        slice(None),
        slice(25, 65),
        slice(None, None, 7),
        slice(90, 10, -9),
        slice(40, 20),
        -1,
        np.int64(31),
        [3, 99, 3, 0],
        np.array([29, 30, 59, 60, 61]),
        np.arange(100) % 3 == 0,
        RNG.integers(0, 100, 300),
        np.array([], np.int64),
    ],
    ids=str,
)
def test_its_rows_are_those_of_the_array(images: ShardedImages, rows: object) -> None:
    np.testing.assert_array_equal(images[rows], PIXELS[rows])
    chosen = RNG.permutation(100)[:100]
    np.testing.assert_array_equal(images.subset(chosen)[rows], PIXELS[chosen][rows])


def test_parts_of_a_part_are_still_on_the_disk(images: ShardedImages) -> None:
    first, second = RNG.permutation(100)[:50], RNG.permutation(50)[:20]
    part = images.subset(first).subset(second)
    np.testing.assert_array_equal(part.read(3, 9), PIXELS[first][second][3:9])
    assert part.shape == (20, 8, 8, 3)
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(part))), PIXELS[first][second])


@pytest.mark.parametrize("row", [100, -101])
def test_there_is_no_image_beyond_the_last(images: ShardedImages, row: int) -> None:
    with pytest.raises(IndexError, match=f"image {row} of 100"):
        images[row]


def test_what_was_read_is_told(folder: Path) -> None:
    lines = "\n".join(open_source(folder).report.lines())
    assert "train 100, val 7" in lines
    assert "8x8, 3 channels, 8 bit" in lines
    assert "5 shards, 0.0 MB, read from the disk as needed" in lines


def test_its_size_and_range_can_be_asked_for_by_name_and_no_others(folder: Path, tmp_path: Path) -> None:
    for settings in ({"size": 8}, {"value_range": "full"}, {"value_range": "auto"}, {"value_range": "0,4095"}):
        assert len(open_source(folder, **settings).splits["train"]) == 100
    with pytest.raises(DataError, match="stored at 8 px, not 28; write shards of that size by fastssl pack"):
        open_source(folder, size=28)
    with pytest.raises(DataError, match="value_range=0,100, and the shards were written with 8-bit images as they are"):
        open_source(folder, value_range="0,100")
    deep = write_shards(tmp_path / "deep", PIXELS.astype(np.uint16), value_range="0,300")
    assert open_source(deep, value_range="0,300").value_range == "0,300"
    with pytest.raises(DataError, match="value_range=full, and the shards were written with 0,300"):
        open_source(deep, value_range="full")


def edit(name: str, value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "shards.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))

    return change


def outside(folder: Path) -> None:
    about = json.loads((folder / "shards.json").read_text())
    about["splits"]["train"]["shards"][0]["file"] = "../train-00000.npy"
    (folder / "shards.json").write_text(json.dumps(about))


def cut(folder: Path) -> None:
    path = folder / "train-00001.npy"
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "train-00002.npy").unlink(), "train-00002.npy is missing; copy the folder again"),
        (cut, r"train-00001.npy is not the uint8 \[30, 8, 8, 3\] that the index says"),
        (lambda folder: np.save(folder / "train-00000.npy", PIXELS[:29]), "train-00000.npy is not the uint8"),
        (lambda folder: (folder / "train-00000.npy").write_bytes(b"x" * 6000), "train-00000.npy is not the uint8"),
        (lambda folder: np.save(folder / "train-labels.npy", LABELS[::-1]), "holds other labels than those"),
        (lambda folder: (folder / "train-labels.npy").unlink(), "train-labels.npy cannot be read"),
        (lambda folder: (folder / "shards.json").write_text("{"), "shards.json is damaged"),
        (edit("version", 3), "shards.json has version 3, which this fastssl cannot read; install a newer one"),
        (edit("splits", {}), "shards.json is damaged"),
        (edit("dtype", "float32"), "shards.json is damaged"),
        (edit("image_shape", [8, 8]), "shards.json is damaged"),
        (edit("more", 1), "shards.json is damaged"),
        (outside, "shards.json is damaged"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(folder: Path, change: Callable[[Path], object], said: str) -> None:
    change(folder)
    with pytest.raises(DataError, match=said) as caught:
        open_source(folder)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_cut_off_or_gone_later_is_an_error_and_no_crash(folder: Path, images: ShardedImages) -> None:
    cut(folder)
    with pytest.raises(DataError, match=r"train-00001.npy is shorter than its index says"):
        images.read(0, 100)
    (folder / "train-00001.npy").unlink()
    with pytest.raises(DataError, match=r"train-00001.npy cannot be read: No such file"):
        images.read(0, 100)
    np.testing.assert_array_equal(images.read(0, 30), PIXELS[:30])


def test_a_changed_pixel_is_found_by_verifying_and_only_then(folder: Path) -> None:
    assert verify_shards(folder) == 107
    path = folder / "train-00001.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert len(open_source(folder).splits["train"]) == 100
    with pytest.raises(DataError, match=r"train-00001.npy has other images than those that were written"):
        verify_shards(folder)


def test_packed_data_are_the_same_data(tmp_path: Path) -> None:
    deep = RNG.integers(0, 4096, (50, 8, 8), dtype=np.uint16)
    np.savez(tmp_path / "deep.npz", train_images=deep, train_labels=LABELS[:50], test_images=deep[:5])
    source = open_source(tmp_path / "deep.npz")
    packed = open_source(pack_source(source, tmp_path / "deep", shard_bytes=1000))
    for field in ("name", "task", "class_names", "modality", "fingerprint", "image_fingerprint", "value_range"):
        assert getattr(packed, field) == getattr(source, field)
    for name, split in source.splits.items():
        np.testing.assert_array_equal(packed.splits[name].images, split.images)
    again = open_source(pack_source(packed, tmp_path / "again"))
    assert again.fingerprint == source.fingerprint

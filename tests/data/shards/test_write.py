"""Writing shards: plain `.npy` files, complete or not there, equal to the same images in one array."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fastssl.data import open_source
from fastssl.data.fingerprint import ChunkDigests, bytes_of, fingerprints
from fastssl.data.shards import verify_shards, write_shards
from fastssl.data.source import Split
from fastssl.errors import DataError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (100, 8, 8, 1), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 4096, (20, 8, 8, 1), dtype=np.uint16)


def stored(folder: Path, split: str = "train") -> np.ndarray:
    """The images of a split, as NumPy reads the files by itself."""
    return np.concatenate([np.load(path) for path in sorted(folder.glob(f"{split}-[0-9]*.npy"))])


def test_images_lie_in_plain_files_of_a_bounded_size(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "new" / "set", iter(PIXELS), shard_bytes=30 * 64)
    assert [len(np.load(path)) for path in sorted(folder.glob("train-*.npy"))] == [30, 30, 30, 10]
    np.testing.assert_array_equal(stored(folder), PIXELS)
    assert [path.name for path in folder.parent.iterdir()] == ["set"]  # nothing is left beside it
    about = json.loads((folder / "shards.json").read_text())
    assert (about["version"], about["image_shape"], about["dtype"]) == (1, [8, 8, 1], "uint8")


def test_an_image_larger_than_a_shard_has_one_of_its_own(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "set", PIXELS[:3], shard_bytes=1)
    assert len(list(folder.glob("train-*.npy"))) == 3


@pytest.mark.parametrize("chunk", [1, 7, 64, 100, 1000])
def test_a_digest_in_pieces_is_that_of_the_whole(chunk: int) -> None:
    digests, data = ChunkDigests(chunk), bytes_of(PIXELS)
    for start in range(0, len(data), 33):
        digests.update(data[start : start + 33])
    whole = ChunkDigests(chunk)
    whole.update(data)
    assert digests.all() == whole.all()
    assert len(digests.all()) == -(-len(data) // chunk)


def test_shards_have_the_fingerprints_of_an_npz_file_with_the_same_data(tmp_path: Path) -> None:
    labels = RNG.integers(0, 3, 100)
    np.savez(tmp_path / "set.npz", train_images=PIXELS, train_labels=labels, test_images=PIXELS[:9])
    folder = write_shards(tmp_path / "set", {"train": zip(PIXELS, labels, strict=True), "test": PIXELS[:9]})
    npz, shards = open_source(tmp_path / "set.npz"), open_source(folder)
    assert (shards.fingerprint, shards.image_fingerprint) == (npz.fingerprint, npz.image_fingerprint)
    assert (shards.task, shards.class_names) == (npz.task, npz.class_names) == ("multi-class", ("0", "1", "2"))
    direct = {"train": Split(images=PIXELS, labels=labels), "test": Split(images=PIXELS[:9])}
    assert shards.fingerprint == fingerprints(direct).whole


@pytest.mark.parametrize(
    "image",
    [
        PIXELS[0, :, :, 0],
        PIXELS[0],
        torch.from_numpy(PIXELS[0]),
        Image.fromarray(PIXELS[0, :, :, 0]),
    ],
    ids=["plane", "array", "tensor", "picture"],
)
def test_an_image_may_be_an_array_a_tensor_or_a_picture(tmp_path: Path, image: object) -> None:
    np.testing.assert_array_equal(stored(write_shards(tmp_path / "set", [image])), PIXELS[:1])


def test_images_may_come_from_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "all.npy", PIXELS)
    folder = write_shards(tmp_path / "set", np.load(tmp_path / "all.npy", mmap_mode="r"))
    np.testing.assert_array_equal(stored(folder), PIXELS)


def test_images_of_many_sizes_are_resized_to_one(tmp_path: Path) -> None:
    images = [np.full((20, 30), 7, np.uint8), np.full((9, 9), 200, np.uint8)]
    found = stored(write_shards(tmp_path / "set", images, size=8))
    np.testing.assert_array_equal(found, np.repeat([7, 200], 64).reshape(2, 8, 8, 1))


@pytest.mark.parametrize("images", [DEEP, (DEEP / 4095 * 2 - 1).astype(np.float32)], ids=["uint16", "float32"])
def test_a_range_makes_grey_levels_of_wide_values(tmp_path: Path, images: np.ndarray) -> None:
    low, high = (0, 4095) if images.dtype == np.uint16 else (-1, 1)
    folder = write_shards(tmp_path / "set", images, value_range=f"{low},{high}")
    expected = np.rint((images.astype(np.float64) - low) / (high - low) * 65535)
    np.testing.assert_allclose(stored(folder), expected, atol=1)
    source = open_source(folder)
    assert source.value_range == f"{low},{high}"
    assert source.splits["train"].images.dtype == np.uint16


@pytest.mark.parametrize(
    ("labels", "names", "task", "expected"),
    [
        ([0, 2, 0, None], ("a", "b", "c"), "multi-class", [0, 2, 0, -1]),
        (["b", "a", "b", "a"], (), "binary-class", [1, 0, 1, 0]),
        (["b", "a", "b", "a"], ("b", "a"), "binary-class", [0, 1, 0, 1]),
        ([(0, 1), (1, 1), (0, 0), (1, 0)], ("x", "y"), "multi-label, binary-class", [[0, 1], [1, 1], [0, 0], [1, 0]]),
        ([np.int64(5), torch.tensor(9), np.array([5]), 9], (), "binary-class", [0, 1, 0, 1]),
    ],
)
def test_labels_mean_what_they_mean_elsewhere(
    tmp_path: Path, labels: list[object], names: tuple[str, ...], task: str, expected: list[object]
) -> None:
    folder = write_shards(tmp_path / "set", zip(PIXELS[:4], labels, strict=True), class_names=names)
    source = open_source(folder)
    assert source.task == task
    np.testing.assert_array_equal(source.splits["train"].labels, expected)


def pairs(*labels: object) -> list[tuple[np.ndarray, object]]:
    return list(zip(PIXELS, labels, strict=False))


NAN = np.full((8, 8), np.nan, np.float32)


@pytest.mark.parametrize(
    ("images", "settings", "said"),
    [
        ([], {}, "train: there is no image to write"),
        ({"train": PIXELS, "val": []}, {}, "val: there is no image to write"),
        ({"val": PIXELS}, {}, "images of val: the splits are train, and val and test if any"),
        ({"train": PIXELS, "more": PIXELS}, {}, "images of train, more: the splits are train"),
        ([PIXELS[0], COLOUR[0]], {}, r"image 1 is uint8 \[8, 8, 3\], and the first image uint8 \[8, 8, 1\]"),
        ([PIXELS[0], DEEP[0]], {"value_range": "0,255"}, "image 1 is uint16"),
        ({"train": PIXELS, "test": COLOUR}, {}, r"test: image 0 is uint8 \[8, 8, 3\]"),
        ([PIXELS[0, :4]], {}, "image 0 has 4x8 px; give a size"),
        ([PIXELS[0, :0]], {}, r"image 0 has shape \[0, 8, 1\]"),
        ([np.zeros((8, 8, 2), np.uint8)], {}, r"has shape \[8, 8, 2\]; give \[H, W\]"),
        ([np.zeros((8, 8), bool)], {}, "image 0 is ndarray of bool"),
        (["text"], {}, "image 0 is str of <U4"),
        ([Image.new("P", (8, 8))], {}, "picture of mode P; bring it to grey or colour"),
        (DEEP, {}, "images of uint16 need value_range"),
        ([NAN], {"value_range": "0,1"}, r"image 0 holds values that are no numbers \(NaN or infinite\)"),
        ([NAN * 0], {"value_range": "full"}, "NaN"),
        ([PIXELS[0] / 255], {"value_range": "full"}, "float images have no full range"),
        (PIXELS, {"value_range": "5,1"}, "value_range='5,1'"),
        (PIXELS, {"size": 0}, "size=0"),
        ([(PIXELS[0], 1), PIXELS[1]], {}, "image 1 comes without a label"),
        ([PIXELS[0], (PIXELS[1], 1)], {}, "image 1 comes with a label"),
        (pairs((0, 1), (0, 1, 1)), {}, r"image 1 has label \(0, 1, 1\), and the first image \(0, 1\)"),
        (pairs(0.5), {}, "image 0 has label 0.5; give a whole number, text, or a row of 0 and 1"),
        (pairs(0, 3), {"class_names": ("a", "b")}, r"labels go from 0 to 3, and may be -1 \(not known\) to 1"),
        (pairs("a", "c"), {"class_names": ("a", "b")}, "a label 'c', which is none of the class_names"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line_and_leaves_nothing(
    tmp_path: Path, images: object, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        write_shards(tmp_path / "set", images, **settings)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_labels_that_cannot_be_used_do_not_stop_the_images(tmp_path: Path) -> None:
    source = open_source(write_shards(tmp_path / "set", pairs(1, 1)))
    assert source.label_problem == "every label is 1: there is nothing to tell apart"
    assert source.splits["train"].labels is None


def test_a_folder_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(DataError, match="set exists; remove it, or write the shards to another folder"):
        write_shards(tmp_path / "set", PIXELS)
    assert list(tmp_path.iterdir()) == [tmp_path / "set"]


def test_an_error_of_the_images_passes_and_leaves_nothing(tmp_path: Path) -> None:
    def images() -> Iterator[np.ndarray]:
        yield from PIXELS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path / "set", images(), shard_bytes=30 * 64)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    left = tmp_path / ".set.0123abcd.partial"
    left.mkdir()
    (left / "train-00000.npy").write_bytes(b"part")
    write_shards(tmp_path / "set", PIXELS)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_the_images_are_written_as_they_come(tmp_path: Path) -> None:
    """After each few MiB that the iterable gave, all but the last few MiB are in the files."""
    image, seen = np.zeros((1024, 1024), np.uint8), []

    def images() -> Iterator[np.ndarray]:
        for _ in range(20):
            seen.append(sum(path.stat().st_size for path in tmp_path.rglob("*.npy")))
            yield image

    write_shards(tmp_path / "set", images(), shard_bytes=8 << 20)
    assert all(written >= number * image.nbytes - (9 << 20) for number, written in enumerate(seen))
    assert verify_shards(tmp_path / "set") == 20

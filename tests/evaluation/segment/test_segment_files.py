"""Reading images and masks: formats, values of masks, channels, sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.errors import DataError
from fastssl.evaluation.segment.files import is_grey, read_sample
from fastssl.evaluation.segment.pairing import Pair

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
TRUTH = RNG.random((6, 8)) > 0.5


def pair(folder: Path, image: Image.Image, mask: Image.Image, fov: Image.Image | None = None) -> Pair:
    paths = [folder / name for name in ("image.png", "mask.png", "fov.png")]
    for path, picture in zip(paths, (image, mask, fov), strict=True):
        if picture is not None:
            picture.save(path)
    return Pair(name="image", image=paths[0], masks=(paths[1],), fov=paths[2] if fov else None)


@pytest.mark.parametrize(
    "mask",
    [
        Image.fromarray(TRUTH),
        Image.fromarray(TRUTH.astype(np.uint8)),
        Image.fromarray((TRUTH * 255).astype(np.uint8)),
        Image.fromarray(np.where(TRUTH, 201, 9).astype(np.uint8)),
        Image.fromarray(np.repeat((TRUTH * 255).astype(np.uint8)[..., None], 3, axis=2)),
        Image.fromarray((TRUTH * 65535).astype(np.uint16)),
    ],
    ids=["1-bit", "0 and 1", "0 and 255", "lossy", "colour", "16-bit"],
)
def test_masks_of_every_kind_give_the_same_truth(tmp_path: Path, mask: Image.Image) -> None:
    found = read_sample(pair(tmp_path, Image.fromarray(COLOUR), mask), "rgb")
    np.testing.assert_array_equal(found.mask, TRUTH)
    np.testing.assert_array_equal(found.image, COLOUR)
    assert found.truth is found.mask


def test_an_empty_mask_is_a_mask(tmp_path: Path) -> None:
    assert not read_sample(pair(tmp_path, Image.fromarray(COLOUR), Image.new("1", (8, 6))), "rgb").mask.any()


def test_a_map_of_several_classes_is_refused(tmp_path: Path) -> None:
    classes = Image.fromarray(RNG.integers(0, 4, (6, 8), dtype=np.uint8))
    with pytest.raises(DataError, match=r"mask.png: the highest value is 3; a mask has 0 .* and no further classes"):
        read_sample(pair(tmp_path, Image.fromarray(COLOUR), classes), "rgb")


def test_sizes_that_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mask.png is 9x6 px and image.png 8x6; a mask has its image's size"):
        read_sample(pair(tmp_path, Image.fromarray(COLOUR), Image.new("1", (9, 6))), "rgb")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    files = pair(tmp_path, Image.fromarray(COLOUR), Image.fromarray(TRUTH))
    files.masks[0].write_bytes(files.masks[0].read_bytes()[:40])
    with pytest.raises(DataError, match=r"mask.png: cannot be read \("):
        read_sample(files, "rgb")


@pytest.mark.parametrize(("channel", "plane"), [("red", 0), ("green", 1), ("blue", 2)])
def test_one_channel_of_a_colour_image_can_be_taken(tmp_path: Path, channel: str, plane: int) -> None:
    found = read_sample(pair(tmp_path, Image.fromarray(COLOUR), Image.fromarray(TRUTH)), channel)
    np.testing.assert_array_equal(found.image, COLOUR[..., plane : plane + 1])


def test_grey_is_the_luma_and_grey_images_can_be_repeated(tmp_path: Path) -> None:
    colour = pair(tmp_path, Image.fromarray(COLOUR), Image.fromarray(TRUTH))
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert np.abs(read_sample(colour, "grey").image[..., 0] - luma).max() <= 1
    assert not is_grey(colour.image)
    grey = pair(tmp_path, Image.fromarray(COLOUR[..., 0]), Image.fromarray(TRUTH))
    assert is_grey(grey.image)
    np.testing.assert_array_equal(read_sample(grey, "rgb").image, np.repeat(COLOUR[..., :1], 3, axis=2))


def test_16_bit_grey_stays_16_bit(tmp_path: Path) -> None:
    values = RNG.integers(0, 65536, (6, 8), dtype=np.uint16)
    found = read_sample(pair(tmp_path, Image.fromarray(values), Image.fromarray(TRUTH)), "grey").image
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[..., 0], values)


def test_resizing_keeps_proportions_and_the_truth_as_it_was_drawn(tmp_path: Path) -> None:
    blocks = np.kron(TRUTH[:3, :4], np.ones((10, 10), bool))
    picture = Image.fromarray(np.where(blocks, 200, 40).astype(np.uint8))
    found = read_sample(pair(tmp_path, picture, Image.fromarray(blocks), Image.fromarray(~blocks)), "grey", size=15)
    assert found.image.shape == (15, 20, 1)
    np.testing.assert_array_equal(found.mask, blocks[::2, ::2])
    np.testing.assert_array_equal(found.inside, ~blocks[::2, ::2])
    np.testing.assert_array_equal(found.truth, blocks)
    assert found.truth_inside is not None
    np.testing.assert_array_equal(found.truth_inside, ~blocks)
    middle = np.zeros_like(found.mask)
    middle[2::5, 2::5] = True
    np.testing.assert_array_equal(found.image[..., 0][middle], np.where(found.mask, 200, 40)[middle])

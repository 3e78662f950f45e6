"""MedMNIST-style `.npz` files: what is read, what is said of it, and the one line for what cannot be read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.data import open_source
from fastssl.errors import DataError

GREY = np.random.default_rng(0).integers(0, 256, (10, 28, 28), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (10, 28, 28, 3), dtype=np.uint8)
TWO = np.arange(10)[:, None] % 2
CASES = Path(__file__).parents[4] / "shared" / "cases"


@pytest.fixture
def npz(tmp_path):
    def write(stem="mine", save=np.savez, **arrays):
        path = tmp_path / f"{stem}.npz"
        save(path, **arrays)
        return path

    return write


def refused(path, **options) -> str:
    """The one line with which `path` is refused."""
    with pytest.raises(DataError) as caught:
        open_source(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def levels(path, split="train", **options):
    return open_source(path, **options).splits[split].images


def test_grey_images_get_one_channel_and_labels_in_a_column_become_a_vector(npz):
    source = open_source(npz(train_images=GREY, train_labels=TWO, test_images=GREY[:4], test_labels=TWO[:4]))
    assert set(source.splits) == {"train", "test"}
    assert source.image_shape == (28, 28, 1)
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], GREY)
    np.testing.assert_array_equal(source.splits["train"].labels, TWO[:, 0])
    assert source.splits["train"].labels.dtype == np.int64
    assert (source.name, source.task, source.class_names) == ("mine", "binary-class", ("0", "1"))
    assert (source.value_range, source.label_problem) == (None, "")


def test_colour_uint16_and_unlabelled_images_are_taken_as_they_are(npz):
    deep = COLOUR.astype(np.uint16) * 200
    source = open_source(npz(train_images=deep))
    np.testing.assert_array_equal(source.splits["train"].images, deep)
    assert source.splits["train"].images.dtype == np.uint16
    assert source.splits["train"].labels is None
    assert (source.task, source.class_names, source.value_range) == ("none", (), "0,65535")


@pytest.mark.parametrize(
    ("labels", "task", "classes"),
    [
        (TWO, "binary-class", 2),
        (np.arange(10) % 3, "multi-class", 3),
        (TWO.astype(bool), "binary-class", 2),
        (np.arange(10.0) // 2, "multi-class", 5),
        (np.eye(10, 5, dtype=np.uint8), "multi-label, binary-class", 5),
        (np.eye(5)[[0, 1, 2, 3, 4] * 2], "multi-class", 5),
        (np.array(["a", "b"] * 5), "binary-class", 2),
    ],
)
def test_the_task_is_told_from_the_labels(npz, labels, task, classes):
    source = open_source(npz(train_images=GREY, train_labels=labels))
    assert source.task == task
    assert len(source.class_names) == classes


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (TWO[:7], r"shape \[7, 1\] for 10 images"),
        (TWO + 0.5, "not whole numbers"),
        (np.full((10, 3), 4), "have 3 columns with values 4"),
        (np.arange(10), "as identifiers have"),
        (np.zeros(10, bool), "every label is False|every label is 0"),
        (np.array([{"a": 1}] * 10, dtype=object), r"pickled\), which are not loaded"),
        (np.zeros(10, "M8[D]"), r"are datetime64\[D\]"),
        (np.zeros((10, 2, 2), int), r"shape \[10, 2, 2\]"),
    ],
)
def test_labels_that_cannot_be_used_stop_nothing_and_are_said(npz, labels, words):
    source = open_source(npz(train_images=GREY, train_labels=labels))
    assert re.search(words, source.label_problem), source.label_problem
    assert (source.splits["train"].labels, source.task, source.class_names) == (None, "none", ())
    assert f"labels are not used: {source.label_problem}" in source.report.notes
    assert len(source.splits["train"]) == 10


def test_a_file_named_after_a_medmnist_set_takes_its_task_and_class_names(npz):
    source = open_source(npz("retinamnist_64", train_images=COLOUR, train_labels=TWO))
    assert source.task == "ordinal-regression"
    assert source.class_names == ("0", "1", "2", "3", "4")
    assert source.modality == "fundus photography"
    assert "no train image of class 2 (none anywhere), 3 (none anywhere), 4 (none anywhere)" in source.report.notes


def test_a_file_named_after_a_set_with_fewer_classes_is_read_as_another_set_and_says_so(npz):
    source = open_source(npz("breastmnist", train_images=GREY, train_labels=np.arange(10) // 2))
    assert source.class_names == ("0", "1", "2", "3", "4")
    assert source.report.notes == ("named after breastmnist, whose labels are others: read as another set",)


def test_another_size_is_resized_once_and_told(npz):
    source = open_source(npz(train_images=GREY, train_labels=TWO), size=14)
    expected = np.asarray(Image.fromarray(GREY[3]).resize((14, 14), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(source.splits["train"].images[3, ..., 0], expected)
    assert source.report.notes == ("images of 28x28 px resized (antialiased) to 14 px",)


def test_images_that_are_not_square_are_cropped_to_their_centre(npz):
    source = open_source(npz(train_images=GREY[:, :20]))
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], GREY[:, :20, 4:24])
    assert len(source.report.notes) == 1


def test_channels_first_is_put_last_and_said(npz):
    source = open_source(npz(train_images=COLOUR.transpose(0, 3, 1, 2), test_images=COLOUR))
    np.testing.assert_array_equal(source.splits["train"].images, COLOUR)
    np.testing.assert_array_equal(source.splits["test"].images, COLOUR)
    assert source.report.notes == ("train_images are [N, C, H, W], by their shape [10, 3, 28, 28]",)
    np.testing.assert_array_equal(levels(npz("one", train_images=GREY[:, None]))[..., 0], GREY)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i2", ">i4", "<u4", ">i8", "<u8", "<f4", ">f8"])
def test_a_byte_order_and_a_wider_type_change_no_pixel(npz, dtype):
    """Twelve bits of grey, from 0 to 4095, in any type: black is 0 and white 4095."""
    twelve = GREY.astype(np.int64) * 4095 // 255
    source = open_source(npz(train_images=twelve.astype(dtype)))
    expected = np.rint(twelve / twelve.max() * 65535)
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], expected)
    assert source.value_range == "0,4095"
    assert source.report.value_range == "0 to 4095, found in the images"


@pytest.mark.parametrize(
    ("images", "expected", "value_range"),
    [
        (GREY > 127, (GREY > 127) * 255, None),
        (GREY.astype(np.uint16), GREY, "0,255"),
        (GREY.astype(">i8"), GREY, None),
        (GREY >> 2, np.rint((GREY >> 2) / 63 * 255), "0,63"),
        (GREY / 255, np.rint(GREY / 255 * 65535), "0,1"),
        ((GREY / 255).astype(np.float32), np.rint((GREY / 255).astype(np.float32) / 1.0 * 65535), "0,1"),
        (GREY.astype(np.float32), np.rint(GREY / 255 * 65535), "0,255"),
        (GREY.astype(np.int16) - 100, np.rint(GREY / 255 * 65535), "-100,155"),
        ((GREY >> 1).astype(np.int8), np.rint((GREY >> 1) / 127 * 65535), "0,127"),
    ],
    ids=["bool", "8 in 16", "8 in 64", "6 in 8", "unit float64", "unit float32", "float to 255", "signed", "int8"],
)
def test_every_type_becomes_whole_levels_by_the_range_of_its_values(npz, images, expected, value_range):
    source = open_source(npz(train_images=images))
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], expected)
    assert source.value_range == value_range


def test_the_range_is_one_for_all_splits(npz):
    path = npz(train_images=GREY.astype(np.uint16), test_images=GREY.astype(np.uint16) * 16)
    np.testing.assert_array_equal(levels(path)[..., 0], np.rint(GREY / 4095 * 65535))
    np.testing.assert_array_equal(levels(path, "test")[..., 0], np.rint(GREY * 16.0 / 4095 * 65535))


def test_a_range_that_is_given_is_taken_and_what_it_clips_is_said(npz):
    path = npz(train_images=GREY.astype(np.uint16))
    source = open_source(path, value_range="0,127")
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], np.rint(np.minimum(GREY / 127, 1) * 65535))
    assert source.report.value_range == "0 to 127, as given"
    share = (GREY > 127).mean()
    assert source.report.notes == (
        f"warning: {share:.1%} of the values are outside of this range and clipped; see --value-range auto",
    )
    np.testing.assert_array_equal(levels(path, value_range="full")[..., 0], GREY)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_fortran_order_and_compression_change_nothing(npz, save):
    images = levels(npz(save=save, train_images=np.asfortranarray(COLOUR)))
    np.testing.assert_array_equal(images, COLOUR)
    assert images.flags.c_contiguous


def test_empty_val_and_test_arrays_are_taken_as_not_there(npz):
    source = open_source(npz(train_images=GREY, val_images=GREY[:0], val_labels=TWO[:0], test_images=GREY[:2]))
    assert set(source.splits) == {"train", "test"}
    assert source.report.notes == ("val_images are empty: taken as not there",)


def test_what_was_read_is_reported(npz):
    path = npz(
        train_images=GREY.astype(np.uint16) * 16,
        train_labels=np.array([3, 3, 3, 7, 7, 7, 7, -1, -1, 3]),
        test_images=GREY[:4].astype(np.uint16),
        y_val=TWO,
        ids=np.arange(10),
    )
    report = open_source(path).report
    assert report.lines() == [
        f"data        mine, {path}",
        "images      train 10, test 4",
        "shape       28x28, 1 channel, 12 bit in 16",
        "values      0 to 4095, found in the images",
        "classes     2: 3 4, 7 4 (train)",
        "unlabelled  train 2, test 4",
        "note        arrays that are not read: y_val (rename it to val_labels to have it read), ids",
        "note        labels 3, 7 are classes",
    ]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"train_images": GREY.astype(np.complex64)}, "are complex64; save them as uint8"),
        ({"train_images": GREY.astype("S3")}, "save them as uint8"),
        ({"train_images": np.array([{"a": 1}], dtype=object)}, "pickled"),
        ({"train_images": np.where(GREY > 250, np.nan, GREY)}, "no numbers .*, the first in image 0"),
        ({"train_images": np.where(np.arange(10)[:, None, None] == 7, np.inf, GREY)}, "the first in image 7"),
        ({"train_images": GREY[0]}, r"shape \[28, 28\]"),
        ({"train_images": GREY.reshape(10, 784)}, r"reshape them to \[N, 28, 28\] if they are flat"),
        ({"train_images": GREY[:, :, None, :, None]}, "volumes have to be saved as slices"),
        ({"train_images": GREY[:, :8].reshape(10, 8, 4, 7)}, r"shape \[10, 8, 4, 7\]"),
        ({"train_images": COLOUR[:, :3]}, r"may be \[N, H, W, C\] or \[N, C, H, W\]"),
        ({"train_images": GREY[:0]}, "no image"),
        ({"train_images": GREY[:, :0]}, "no image"),
        ({"train_images": np.array(3)}, r"shape \[\]"),
        ({"train_images": GREY, "test_images": COLOUR}, "different kinds"),
        ({"train_images": GREY, "test_images": GREY.astype(np.uint16)}, r"different kinds \(train uint8, test uint16"),
        ({"train_images": GREY, "test_images": GREY / 255}, "different kinds"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_in_one_line(npz, arrays, words):
    text = refused(npz(**arrays))
    assert re.search(words, text), text


@pytest.mark.parametrize(
    ("case", "task", "class_names", "value_range"),
    [
        ("labels_0_255", "binary-class", ("0", "255"), None),
        ("labels_onehot", "binary-class", ("0", "1"), None),
        ("images_big_endian", "binary-class", ("0", "1"), "0,65535"),
    ],
)
def test_the_inputs_that_were_read_wrongly_are_read(case, task, class_names, value_range):
    path = CASES / f"{case}.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    source = open_source(path)
    assert (source.task, source.class_names, source.value_range) == (task, class_names, value_range)
    with np.load(path) as file:
        np.testing.assert_array_equal(source.splits["test"].images[..., 0], file["test_images"])
        own = file["test_labels"]
        expected = own.argmax(axis=1) if own.ndim == 2 else own // own.max()
        np.testing.assert_array_equal(source.splits["test"].labels, expected)

"""MedMNIST-style `.npz` files: what is read, and the one line for what cannot be."""

from __future__ import annotations

import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from fastssl.data import open_source
from fastssl.errors import DataError

GREY = np.random.default_rng(0).integers(0, 256, (10, 28, 28), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (10, 28, 28, 3), dtype=np.uint8)
TWO = np.arange(10)[:, None] % 2


@pytest.fixture
def npz(tmp_path):
    def write(stem="mine", **arrays):
        path = tmp_path / f"{stem}.npz"
        np.savez(path, **arrays)
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


def test_grey_images_get_one_channel_and_labels_in_a_column_become_a_vector(npz):
    source = open_source(npz(train_images=GREY, train_labels=TWO, test_images=GREY[:4], test_labels=TWO[:4]))
    assert set(source.splits) == {"train", "test"}
    assert source.image_shape == (28, 28, 1)
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], GREY)
    np.testing.assert_array_equal(source.splits["train"].labels, TWO[:, 0])
    assert source.splits["train"].labels.dtype == np.int64
    assert (source.name, source.task, source.class_names) == ("mine", "binary-class", ("0", "1"))


def test_colour_uint16_and_unlabelled_images_are_taken_as_they_are(npz):
    deep = COLOUR.astype(np.uint16) * 200
    source = open_source(npz(train_images=deep))
    np.testing.assert_array_equal(source.splits["train"].images, deep)
    assert source.splits["train"].images.dtype == np.uint16
    assert source.splits["train"].labels is None
    assert (source.task, source.class_names) == ("none", ())


@pytest.mark.parametrize(
    ("labels", "task", "classes"),
    [
        (TWO, "binary-class", 2),
        (np.arange(10) % 3, "multi-class", 3),
        (np.zeros(10, bool), "binary-class", 2),
        (np.arange(10.0), "multi-class", 10),
        (np.eye(10, 5, dtype=np.uint8), "multi-label, binary-class", 5),
    ],
)
def test_the_task_is_told_from_the_labels(npz, labels, task, classes):
    source = open_source(npz(train_images=GREY, train_labels=labels))
    assert source.task == task
    assert len(source.class_names) == classes


def test_a_file_named_after_a_medmnist_set_takes_its_task_and_class_names(npz):
    source = open_source(npz("retinamnist_64", train_images=COLOUR, train_labels=TWO))
    assert source.task == "ordinal-regression"
    assert source.class_names == ("0", "1", "2", "3", "4")
    assert source.modality == "fundus photography"


def test_a_file_named_after_a_set_with_fewer_classes_is_refused(npz):
    assert "has 10 classes, breastmnist 2" in refused(npz("breastmnist", train_images=GREY, train_labels=np.arange(10)))


def test_another_size_is_resized_once_and_told(npz, told):
    source = open_source(npz(train_images=GREY, train_labels=TWO), size=14, notify=told.append)
    expected = np.asarray(Image.fromarray(GREY[3]).resize((14, 14), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(source.splits["train"].images[3, ..., 0], expected)
    assert told == ["mine.npz: images of 28x28 px resized (antialiased) to 14 px"]


def test_images_that_are_not_square_are_cropped_to_their_centre(npz, told):
    source = open_source(npz(train_images=GREY[:, :20]), notify=told.append)
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], GREY[:, :20, 4:24])
    assert len(told) == 1


def test_without_train_images_the_keys_that_were_found_are_named(npz):
    assert "it holds images, labels" in refused(npz(images=GREY, labels=TWO))


def test_a_truncated_file_is_told_as_such(npz):
    path = npz(train_images=GREY)
    path.write_bytes(path.read_bytes()[:-200])
    assert "cut short" in refused(path)


def test_a_file_of_another_kind_is_told_as_such(tmp_path):
    path = tmp_path / "page.npz"
    path.write_text("<html>not found</html>")
    assert "of another kind" in refused(path)


def test_a_damaged_member_is_told_as_such(tmp_path):
    path = tmp_path / "damaged.npz"
    np.savez_compressed(path, train_images=GREY)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "cannot be read" in refused(path)


def test_pickled_arrays_are_never_loaded(npz):
    assert "pickled" in refused(npz(train_images=np.array([{"a": 1}], dtype=object)))


def test_a_member_that_is_no_array_is_refused(tmp_path):
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_images", "text")
    refused(path)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"train_images": GREY / np.float32(255)}, "are float32; save them as uint8"),
        ({"train_images": GREY.astype(np.int64)}, "are int64"),
        ({"train_images": GREY[0]}, "shape \\[28, 28\\]"),
        ({"train_images": COLOUR.transpose(0, 3, 1, 2)}, "shape \\[10, 3, 28, 28\\]"),
        ({"train_images": GREY[:0]}, "no image"),
        ({"train_images": GREY, "test_images": COLOUR}, "different kinds"),
        ({"train_images": GREY, "train_labels": TWO[:7]}, "shape \\[7\\] for 10 images"),
        ({"train_images": GREY, "train_labels": TWO - 1}, "go down to -1"),
        ({"train_images": GREY, "train_labels": TWO + 0.5}, "not whole numbers"),
        ({"train_images": GREY, "train_labels": np.array(["a"] * 10)}, "not whole numbers"),
        ({"train_images": GREY, "train_labels": np.full((10, 3), 4)}, "values up to 4"),
        (
            {"train_images": GREY, "train_labels": TWO, "val_images": GREY, "val_labels": np.eye(10, 3, dtype=int)},
            "differ in kind",
        ),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_in_one_line(npz, arrays, words):
    text = refused(npz(**arrays))

    assert re.search(words, text), text

"""What a folder's layout says about classes and splits."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.layout import read_layout
from fastssl.errors import DataError


def test_class_folders_become_sorted_class_names_and_a_split(touch):
    root = touch(*[f"{name}/{index}.png" for name in ("b", "a", "c") for index in range(30)])
    layout = read_layout(root)
    assert layout.class_names == ("a", "b", "c")
    assert sorted(set(layout.splits)) == ["test", "train", "val"]
    for path, label in zip(layout.files, layout.labels, strict=True):
        assert layout.class_names[label] == path.split("/")[0]


def test_rows_are_sorted_by_split_and_then_by_path(touch):
    root = touch(*[f"{name}/{index}.png" for name in "ab" for index in range(30)])
    layout = read_layout(root)
    order = [("train", "val", "test").index(split) for split in layout.splits]
    rows = list(zip(order, layout.files, strict=True))
    assert rows == sorted(rows)


def test_split_folders_are_taken_as_they_are(touch):
    layout = read_layout(touch("train/x/1.png", "train/y/2.png", "Validation/x/3.png", "test/y/4.png"))
    assert layout.files == ("train/x/1.png", "train/y/2.png", "Validation/x/3.png", "test/y/4.png")
    assert layout.splits == ("train", "train", "val", "test")
    assert layout.labels.tolist() == [0, 1, 0, 1]


def test_a_test_folder_without_classes_is_unlabelled(touch):
    layout = read_layout(touch("train/x/1.png", "train/y/2.png", "test/3.png"))
    assert layout.labels.tolist() == [0, 1, -1]
    assert layout.class_names == ("x", "y")


def test_a_flat_folder_is_unlabelled_and_all_train(touch):
    layout = read_layout(touch("2.png", "1.jpg", "3.TIF", "4.jpeg", "5.bmp", "6.tiff"))
    assert layout.files == ("1.jpg", "2.png", "3.TIF", "4.jpeg", "5.bmp", "6.tiff")
    assert set(layout.splits) == {"train"}
    assert layout.class_names == ()
    assert (layout.labels == -1).all()


def test_images_below_a_class_folder_belong_to_it(touch):
    layout = read_layout(touch("a/p1/1.png", "a/p2/2.png", "b/3.png", "b/p3/x/4.png"))
    assert {path: layout.class_names[label] for path, label in zip(layout.files, layout.labels, strict=True)} == {
        "a/p1/1.png": "a",
        "a/p2/2.png": "a",
        "b/3.png": "b",
        "b/p3/x/4.png": "b",
    }


def test_a_lone_subfolder_is_entered(touch):
    root = touch("set/images/train/x/1.png", "set/images/train/y/2.png")
    assert read_layout(root).root == root / "set" / "images"
    assert read_layout(root).class_names == ("x", "y")


def test_a_single_class_is_no_label(touch):
    layout = read_layout(touch("train/x/1.png", "test/x/2.png"))
    assert layout.class_names == ()
    assert "single class, x" in layout.notes[0]


def test_images_outside_the_class_folders_are_left_out_and_told(touch):
    layout = read_layout(touch("loose.png", "a/1.png", "a/2.png", "b/1.png", "b/2.png"))
    assert "loose.png" not in layout.files
    assert "1 images outside the class folders" in layout.notes[0]


def test_images_outside_the_split_folders_are_left_out_and_told(touch):
    layout = read_layout(touch("train/a/1.png", "train/b/1.png", "extra/1.png"))
    assert len(layout.files) == 2
    assert "outside the train, val and test folders" in layout.notes[0]


def test_a_class_without_train_images_is_told(touch):
    layout = read_layout(touch("train/a/1.png", "train/b/1.png", "test/c/1.png"))
    of_class = [
        name for row, name in enumerate(layout.class_names) if row in layout.labels[: layout.splits.count("train")]
    ]
    assert (layout.class_names, of_class) == (("a", "b", "c"), ["a", "b"])  # what the report says of it: test_folder.py


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["notes.txt", "a/b.csv"], "it holds 2 files of other kinds .1 .csv, 1 .txt.; images end in .jpg"),
        ([], "it holds nothing"),
        (["test/a/1.png", "val/a/1.png"], "has test, val but no train folder"),
        (["a/1.png", "a/2.png", "b/1.png"], r"1 of 2 classes have a single image, too few to split \(b/1.png\)"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(touch, paths, words):
    root = touch(*paths)
    with pytest.raises(DataError, match=words) as caught:
        read_layout(root)
    assert "\n" not in str(caught.value)
    assert str(root) in str(caught.value)


def test_labels_are_int64(touch):
    assert read_layout(touch("train/x/1.png", "train/y/2.png")).labels.dtype == np.int64

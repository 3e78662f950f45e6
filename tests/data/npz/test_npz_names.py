"""Names of arrays: what others probably stand for, in the line that says how to rename them."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.npz.names import missing_images, probable_name, unread_note
from fastssl.errors import DataError


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("X_train", "train_images"),
        ("x_train", "train_images"),
        ("train_data", "train_images"),
        ("trainImages", "train_images"),
        ("images", "train_images"),
        ("imgs", "train_images"),
        ("data", "train_images"),
        ("arr_0", "train_images"),
        ("x", "train_images"),
        ("train", "train_images"),
        ("training_images", "train_images"),
        ("train_image", "train_images"),
        ("y_train", "train_labels"),
        ("labels", "train_labels"),
        ("Y", "train_labels"),
        ("train_targets", "train_labels"),
        ("x_valid", "val_images"),
        ("validation_labels", "val_labels"),
        ("dev_images", "val_images"),
        ("X_test", "test_images"),
        ("scans/train_images", "train_images"),
        ("y_testing", "test_labels"),
        ("patient", None),
        ("ids", None),
        ("train_ids", None),
        ("", None),
        ("0", None),
    ],
)
def test_usual_names_are_understood(name, meant):
    assert probable_name(name) == meant


def test_a_file_without_training_images_is_refused_with_what_it_holds_and_how_to_rename_it(tmp_path):
    path = tmp_path / "others.npz"
    np.savez(path, X_train=np.zeros((2, 8, 8), np.uint8), y_train=np.zeros(2), ids=np.zeros(2))
    with pytest.raises(DataError) as caught:
        open_source(path)
    assert str(caught.value) == (
        f"{path} has no 'train_images'; it holds X_train, y_train, ids. Rename them: a = numpy.load('others.npz'); "
        "numpy.savez('renamed.npz', train_images=a['X_train'], train_labels=a['y_train'])"
    )


def test_the_line_for_renaming_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.arange(128, dtype=np.uint8).reshape(2, 8, 8) * 2
    np.savez("others.npz", images=images, labels=np.arange(2), x_test=images[:1])
    code = missing_images(tmp_path / "others.npz", ("images", "labels", "x_test")).partition("Rename them: ")[2]
    exec(code, {"numpy": np})
    source = open_source("renamed.npz")
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], images)
    np.testing.assert_array_equal(source.splits["test"].images[..., 0], images[:1])


def test_names_that_say_nothing_are_listed_and_cut(tmp_path):
    names = [f"patient\n{index}" for index in range(20)]
    text = missing_images(tmp_path / "a.npz", names)
    assert "and 8 more. Save the images under that name" in text
    assert "\n" not in text
    assert "it holds nothing" in missing_images(tmp_path / "a.npz", ())


def test_arrays_that_are_passed_over_are_named_with_what_they_may_have_meant():
    names = ("train_images", "train_labels", "valid_images", "train_label", "ages", "__MACOSX/._train_images")
    assert unread_note(names) == (
        "arrays that are not read: valid_images (rename it to val_images to have it read), train_label, ages",
    )
    assert unread_note(names[:2]) == ()

"""Which rows a probe trains, tunes and tests on, with and without the source's own splits."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.source import Source, Split
from fastssl.errors import DataError
from fastssl.evaluation.shared.partition import partition


def source(class_names: tuple[str, ...] = (), **labels: np.ndarray | None) -> Source:
    images = {
        name: np.zeros((10 if table is None else len(table), 4, 4, 1), np.uint8) for name, table in labels.items()
    }
    splits = {name: Split(images=images[name], labels=labels[name]) for name in labels}
    return Source(name="cells", splits=splits, task="multi-class", class_names=class_names)


CLASSES = np.repeat([0, 1, 2], [50, 20, 10])


def test_the_source_s_own_splits_are_taken_whole() -> None:
    parts = partition(source(train=CLASSES, val=CLASSES[:60], test=CLASSES[::2]))
    assert [len(part) for part in parts.all] == [80, 60, 40]
    assert [part.split for part in parts.all] == ["train", "val", "test"]
    assert (parts.classes, parts.counts, parts.val_held_out, parts.test_held_out) == (3, (80, 60, 40), False, False)
    assert parts.held_out_notes("l2 chosen on {held_out}") == ()


def test_missing_splits_are_held_out_of_train_by_class_and_told() -> None:
    parts = partition(source(train=CLASSES))
    rows = np.concatenate([part.rows for part in parts.all])
    np.testing.assert_array_equal(np.sort(rows), np.arange(80))
    assert np.bincount(parts.test.labels).tolist() == [10, 4, 2]
    assert np.bincount(parts.val.labels).tolist() == [8, 3, 2]
    assert parts.val_held_out
    test, validation = parts.held_out_notes("l2 chosen on {held_out}, then solved on all of train")
    assert test == (
        "no labelled test split: tested on 16 images held out of train (seed 0), which an encoder may have seen "
        "unlabelled"
    )
    assert validation == (
        "no labelled validation split: l2 chosen on 13 images held out of train (seed 0), then solved on all of train"
    )
    assert parts.held_out_notes() == (test,)
    for part in parts.all:
        np.testing.assert_array_equal(part.labels, CLASSES[part.rows])


def test_what_is_held_out_depends_on_the_seed_alone() -> None:
    first, again, other = (partition(source(train=CLASSES), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.test.rows, again.test.rows)
    assert not np.array_equal(first.test.rows, other.test.rows)


def test_a_class_s_only_image_stays_in_training() -> None:
    parts = partition(source(train=np.array([0, 0, 0, 0, 0, 0, 1]), test=np.array([0, 1])))
    assert 6 in parts.train.rows


def test_multi_label_rows_are_held_out_of_all_images() -> None:
    labels = np.random.default_rng(0).integers(0, 2, (50, 4))
    parts = partition(source(train=labels, test=labels))
    assert (len(parts.train), len(parts.val), parts.classes) == (40, 10, 4)


def test_classes_count_names_and_labels_of_every_split() -> None:
    assert partition(source(("a", "b", "c", "d"), train=CLASSES, val=CLASSES, test=CLASSES)).classes == 4
    assert partition(source(train=CLASSES, val=CLASSES, test=np.array([0, 5]))).classes == 6


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"train": None, "val": CLASSES}, "cells: an evaluation needs labels and these images have none"),
        ({"train": np.ones(20, int), "test": CLASSES}, "every training image is of class 1"),
        ({"train": CLASSES, "val": CLASSES, "test": np.eye(3, dtype=int)}, r"differ in kind \(train \[80\]"),
        ({"train": np.eye(3, dtype=int)[[0] * 9], "val": np.eye(3, dtype=int)}, "no label varies"),
        ({"train": np.arange(5), "test": np.arange(5)}, "cells: every class has a single image"),
    ],
)
def test_labels_that_cannot_be_probed_are_one_clear_line(labels: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        partition(source(**labels))
    assert "\n" not in str(caught.value)


def test_labels_of_another_length_than_their_images_are_refused() -> None:
    split = Split(images=np.zeros((4, 4, 4, 1), np.uint8), labels=np.array([0, 1, 0]))
    with pytest.raises(DataError, match="cells: 3 labels for the 4 images of train"):
        partition(Source(name="cells", splits={"train": split}, task="multi-class"))


def test_images_without_a_label_are_left_out_and_counted() -> None:
    labels = np.where(np.arange(80) % 4 == 0, -1, CLASSES)
    parts = partition(source(train=labels, val=CLASSES, test=np.where(CLASSES == 2, -1, CLASSES)))
    np.testing.assert_array_equal(parts.train.rows, np.flatnonzero(labels >= 0))
    np.testing.assert_array_equal(parts.train.labels, labels[labels >= 0])
    assert (len(parts.train), len(parts.test), parts.classes) == (60, 70, 3)
    assert parts.held_out_notes() == ("images without a label are left out: train 20, test 10",)
    held = partition(source(train=labels))
    rows = np.concatenate([part.rows for part in held.all])
    np.testing.assert_array_equal(np.sort(rows), np.flatnonzero(labels >= 0))


def test_a_split_without_any_label_is_held_out_of_train_instead() -> None:
    parts = partition(source(train=CLASSES, val=CLASSES, test=np.full(9, -1)))
    assert parts.test_held_out
    assert parts.held_out_notes()[-1] == "images without a label are left out: test 9"


def test_classes_that_are_tested_and_not_trained_on_are_named() -> None:
    names = ("a", "b", "c")
    parts = partition(source(names, train=CLASSES[:70], val=CLASSES, test=CLASSES))
    assert parts.held_out_notes() == ("no training image of class c (10) (test images)",)
    tables = np.eye(3, dtype=int)[CLASSES]
    parts = partition(source(names, train=tables[:70], val=tables, test=tables))
    assert parts.held_out_notes() == ("no training image of class c (10) (test images)",)


def test_labels_that_cannot_be_used_are_one_line_that_says_why() -> None:
    images = np.zeros((4, 4, 4, 1), np.uint8)
    problem = "train_labels are not whole numbers (such as 0.5)"
    with pytest.raises(DataError) as caught:
        partition(Source(name="cells", splits={"train": Split(images=images)}, label_problem=problem))
    assert str(caught.value) == f"cells: {problem}"


def test_images_of_which_some_labels_are_missing_are_left_out() -> None:
    table = np.eye(3, dtype=int)[CLASSES]
    table[3, 1] = -1
    parts = partition(source(train=table, val=np.eye(3, dtype=int)[CLASSES], test=np.eye(3, dtype=int)[CLASSES]))
    assert parts.train.rows.tolist() == [row for row in range(len(CLASSES)) if row != 3]
    assert parts.held_out_notes() == ("images without some labels are left out: train 1",)


def test_what_is_held_out_without_patients_is_what_was_before() -> None:
    """Computed before patients were known, so that no stored result changes."""
    parts = partition(source(train=np.arange(30) % 3), 4)
    assert parts.val.rows.tolist() == [4, 7, 9, 11, 18, 26]
    assert parts.test.rows.tolist() == [0, 1, 3, 8, 10, 20]

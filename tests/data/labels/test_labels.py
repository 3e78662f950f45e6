"""What saved labels mean: values that are there are classes, marks are unlabelled, problems are told and not raised."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.labels.counts import absence_notes, class_counts, shortened
from fastssl.data.labels.meaning import Labels, read_labels
from fastssl.data.labels.medmnist_table import describe

SIX = [0, 1, 0, 1, 1, 0]
"""Class indices that every form below stands for."""


def read(train: object, test: object | None = None, *, known: str | None = None, **dtype: str) -> Labels:
    raw = {"train": np.array(train, **dtype)} | ({} if test is None else {"test": np.array(test, **dtype)})
    counts = {split: len(labels) for split, labels in raw.items()}
    return read_labels(raw, counts, describe(known) if known else None)


@pytest.mark.parametrize(
    ("first", "second", "dtype"),
    [
        (0, 255, "int64"),
        (0, 255, "uint8"),
        (1, 2, "uint8"),
        (3, 7, ">i2"),
        (-2, -5, "int8"),
        (20_000_001, 20_000_002, "uint32"),
        (2**64 - 7, 2**64 - 5, "uint64"),
        (0.0, 1.0, "float32"),
        (False, True, "bool"),
        ("benign", "malignant", "<U9"),
        (b"benign", b"malignant", "S9"),
        (" a ", "b", "<U3"),
        ("9", "10", "<U2"),
        ("1.0", "2.0", "<U3"),
        ("007", "7", "<U3"),
    ],
)
def test_the_values_that_are_there_become_the_classes_in_their_order(first: object, second: object, dtype: str) -> None:
    in_order = not (isinstance(first, int) and first > second)  # type: ignore[operator]
    pair = (first, second) if in_order else (second, first)
    labels = read([pair[index] for index in SIX], dtype=dtype)
    assert labels.by_split["train"].tolist() == SIX
    assert labels.by_split["train"].dtype == np.int64
    assert (labels.task, len(labels.class_names), labels.problem) == ("binary-class", 2, "")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0, 255], "labels 0, 255 are classes"),
        ([1, 2, 3], "labels 1, 2, 3 are classes"),
        ([0, 1, 3], "labels 0, 1, 3 are classes"),
        ([-9, 0, 1], "labels -9, 0, 1 are classes"),
        (range(1, 11), r"labels 1, 2, 3, 4, 5, 6, 7, 8 ... (10 in all) are classes"),
        ([0, 1, 2], None),
        (["a", "b"], None),
    ],
)
def test_values_that_are_no_indices_are_said_and_name_their_classes(values: list, said: str | None) -> None:
    labels = read(list(values) * 4)
    assert labels.class_names == tuple(map(str, values))
    assert labels.notes == (() if said is None else (said,))


def test_classes_are_found_over_all_splits_together() -> None:
    labels = read([5, 9] * 3, [7, 9] * 3)
    assert labels.class_names == ("5", "7", "9")
    assert labels.by_split["train"].tolist() == [0, 2] * 3
    assert labels.by_split["test"].tolist() == [1, 2] * 3


def test_splits_saved_with_other_dtypes_are_one_set_of_labels() -> None:
    raw = {"train": np.array([1, 2] * 3, np.uint8), "val": np.array([2.0, np.nan]), "test": np.array(["1", "2"])}
    labels = read_labels(raw, {split: len(own) for split, own in raw.items()})
    assert {split: own.tolist() for split, own in labels.by_split.items()} == {
        "train": [0, 1] * 3,
        "val": [1, -1],
        "test": [0, 1],
    }
    named = read_labels({**raw, "test": np.array(["1", "x"])}, {"train": 6, "val": 2, "test": 2})
    assert named.class_names == ("1", "2", "x")


@pytest.mark.parametrize(
    ("mark", "dtype"),
    [
        (-1, "int8"),
        (-1, "int64"),
        (np.iinfo(np.int64).min, "int64"),
        (np.nan, "float64"),
        (-1.0, "float16"),
        (255, "uint8"),
        (255, "int64"),
        (65535, "uint16"),
        (127, "int8"),
        ("", "<U3"),
        ("nan", "<U3"),
        ("-1", "<U3"),
        (-100, "int64"),
        (-100, "float32"),
        ("-100", "<U4"),
    ],
)
def test_a_mark_is_unlabelled_and_no_class(mark: object, dtype: str) -> None:
    labels = read([0, 1, 2, mark, 0, 1, 2], dtype=dtype)
    assert labels.by_split["train"].tolist() == [0, 1, 2, -1, 0, 1, 2]
    assert labels.class_names == ("0", "1", "2")
    said = f"label {mark} means unlabelled, as the others are 0 to 2"
    assert labels.notes == ((said,) if mark in (127, 255, 65535) else ())


@pytest.mark.parametrize("dtype", ["int8", "int64", "float16", "float64", "<U2", "S2"])
def test_minus_one_and_one_alone_are_two_classes(dtype: str) -> None:
    labels = read(np.array([-1, 1, 1, -1]).astype(dtype), np.array([1, 1]).astype(dtype))
    assert labels.by_split["train"].tolist() == [0, 1, 1, 0]
    assert labels.by_split["test"].tolist() == [1, 1]
    assert labels.class_names == ("-1", "1")
    assert read(np.array([1.0, -1.0, np.nan])).by_split["train"].tolist() == [1, 0, -1]


def test_a_table_of_minus_one_and_one_is_one_of_zero_and_one() -> None:
    table = np.array([[1, -1, 1], [-1, -1, 1], [1, 1, 1]])
    labels = read(table)
    assert labels.task == "multi-label, binary-class"
    assert labels.by_split["train"].tolist() == [[1, 0, 1], [0, 0, 1], [1, 1, 1]]
    one_hot = np.where(np.eye(3, dtype=bool)[[0, 1, 2, 0, 1]], 1, -1)
    assert read(one_hot).by_split["train"].tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("values", [[0, 255], [1, 2, 255], [0, 2, 255], range(256)])
def test_255_is_a_class_where_it_may_be_one(values: list[int]) -> None:
    assert read(list(values) * 4, dtype="uint8").class_names == tuple(map(str, values))


def test_a_split_without_any_label_is_left_out() -> None:
    labels = read(SIX, [-1, -1])
    assert set(labels.by_split) == {"train"}
    assert labels.class_names == ("0", "1")
    assert read([-1, -1]) == Labels(notes=("every label says that there is none: taken as unlabelled",))


@pytest.mark.parametrize("one", [1, 255, True, 1.0, "1"])
def test_one_hot_rows_become_class_indices(one: object) -> None:
    hot = np.where(np.eye(3, dtype=bool)[[0, 2, 1, 1, 0, 2]], one, type(one)(0))
    labels = read(hot, hot[:2])
    assert labels.by_split["train"].tolist() == [0, 2, 1, 1, 0, 2]
    assert labels.by_split["test"].tolist() == [0, 2]
    assert (labels.task, labels.class_names) == ("multi-class", ("0", "1", "2"))
    assert labels.notes == ("one-hot labels: each image is of one of 3 classes",)


def test_a_one_hot_row_of_marks_is_unlabelled_and_a_column_without_ones_is_no_class() -> None:
    hot = np.eye(4)[[0, 3, 3, 0, 3, 3]]
    hot[1] = np.nan
    labels = read(hot)
    assert labels.by_split["train"].tolist() == [0, -1, 1, 0, 1, 1]
    assert labels.class_names == ("0", "3")


@pytest.mark.parametrize(
    "table",
    [
        [[1, 1, 0], [0, 1, 0], [0, 0, 1]],
        [[0, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[1, 0, -1], [0, 1, 0], [0, 0, 1]],
        [[1, 0, np.nan], [0, 1, 0], [0, 0, 1]],
    ],
)
def test_other_tables_stay_multi_label(table: list) -> None:
    labels = read(table)
    np.testing.assert_array_equal(labels.by_split["train"], np.nan_to_num(np.array(table, float), nan=-1))
    assert (labels.task, labels.class_names) == ("multi-label, binary-class", ("0", "1", "2"))


def test_rows_that_are_one_hot_in_one_split_alone_stay_multi_label() -> None:
    assert read([[1, 0], [0, 1]], [[1, 1], [0, 1]]).task == "multi-label, binary-class"


@pytest.mark.parametrize(
    ("train", "problem"),
    [
        ([0.5, 1.0, 2.25], r"train_labels are not whole numbers (such as 0.5); evaluations need classes"),
        (["0.5", "1.0"], "labels are not whole numbers (such as 0.5)"),
        ([0.0, np.inf], "not whole numbers (such as inf)"),
        ([1j, 0], "train_labels are complex128; labels are whole numbers or text"),
        (np.array(["2020-01-01"], "M8[D]"), "datetime64[D]"),
        (np.zeros(3, [("a", int)]), "labels are whole numbers or text"),
        (np.zeros((3, 2, 2)), "train_labels have shape [3, 2, 2] for 3 images, not [3] or [3, L]"),
        (np.zeros((3, 0)), "shape [3, 0]"),
        ([[0, 4], [1, 2]], "train_labels have 2 columns with values 0, 1, 2, 4; several labels are 0 or 1"),
        ([["a", "b"], ["c", "d"]], "have 2 columns with values a, b, c, d"),
        ([7, 7, 7], "every label is 7: there is nothing to tell apart"),
        (np.arange(10) + 20_000_000, "labels have 10 values for 10 images, as identifiers have"),
        ([f"image_{index}.png" for index in range(9)], "as identifiers have"),
    ],
)
def test_labels_that_cannot_be_used_are_a_problem_in_one_line(train: object, problem: str) -> None:
    labels = read(train)
    assert problem in labels.problem
    assert "\n" not in labels.problem
    assert (labels.by_split, labels.task, labels.class_names) == ({}, "none", ())
    assert labels.notes == (f"labels are not used: {labels.problem}",)


@pytest.mark.parametrize("shape", [(7,), (2, 3), (1, 3, 2), ()])
def test_labels_of_another_length_than_their_images_are_a_problem(shape: tuple[int, ...]) -> None:
    labels = read_labels({"train": np.zeros(shape, int)}, {"train": 6})
    assert f"train_labels have shape {list(shape)} for 6 images" in labels.problem


@pytest.mark.parametrize("shape", [(6, 1), (1, 6), (6, 1, 1)])
def test_axes_of_length_one_do_not_count(shape: tuple[int, ...]) -> None:
    assert read_labels({"train": np.array(SIX).reshape(shape)}, {"train": 6}).by_split["train"].tolist() == SIX


def test_splits_of_different_kinds_are_a_problem() -> None:
    assert read(SIX, np.eye(3)).problem == "the splits' labels differ in kind (train [6], test [3, 3])"
    assert "differ in kind" in read(np.eye(3), np.eye(2)).problem


def test_many_classes_of_few_images_each_are_taken_and_asked_about() -> None:
    labels = read(np.repeat(np.arange(30), 2))
    assert len(labels.class_names) == 30
    assert labels.notes == ("30 classes for 60 images: are the labels identifiers?",)


def test_a_medmnist_set_keeps_its_table_with_classes_that_no_image_has() -> None:
    labels = read([0, 1, 4, -1], known="retinamnist")
    assert labels.by_split["train"].tolist() == [0, 1, 4, -1]
    assert (labels.task, labels.class_names) == ("ordinal-regression", ("0", "1", "2", "3", "4"))
    assert labels.notes == ()


def test_a_multi_label_set_of_medmnist_is_never_taken_for_one_hot() -> None:
    rows = np.eye(14, dtype=np.uint8)[:5]
    labels = read(rows, known="chestmnist")
    np.testing.assert_array_equal(labels.by_split["train"], rows)
    assert labels.task == "multi-label, binary-class"
    assert labels.class_names[0] == "atelectasis"


def test_one_hot_rows_of_a_medmnist_set_are_its_classes() -> None:
    labels = read(np.eye(5)[[0, 4, 4]], known="retinamnist")
    assert labels.by_split["train"].tolist() == [0, 4, 4]
    assert len(labels.class_names) == 5


@pytest.mark.parametrize("values", [[0, 1, 2], [0, 255], ["a", "b"]])
def test_labels_that_are_not_the_sets_are_read_as_another_sets(values: list) -> None:
    labels = read(values * 3, known="breastmnist")
    assert labels.class_names == tuple(map(str, values))
    assert labels.notes[0] == "named after breastmnist, whose labels are others: read as another set"


def test_classes_are_counted_by_split_without_the_unlabelled() -> None:
    by_split = {"train": np.array([0, 1, 1, -1]), "test": np.array([2, 1])}
    names = ("a", "b", "c")
    assert class_counts(by_split, names) == {
        "a": {"train": 1, "test": 0},
        "b": {"train": 2, "test": 1},
        "c": {"train": 0, "test": 1},
    }
    table = {"train": np.array([[1, 0], [1, -1]])}
    assert class_counts(table, ("x", "y")) == {"x": {"train": 2}, "y": {"train": 0}}


def test_classes_without_an_image_to_train_on_are_named_with_where_they_are() -> None:
    by_split = {"train": np.array([0, 0]), "val": np.array([1]), "test": np.array([1, 1, 0])}
    assert absence_notes(by_split, ("a", "b", "c")) == ("no train image of class b (val 1, test 2), c (none anywhere)",)
    assert absence_notes({"train": np.array([0, 1])}, ("a", "b")) == ()
    assert absence_notes({"test": np.array([0, 1])}, ("a", "b")) == ()


def test_long_lists_are_cut_and_counted() -> None:
    assert shortened(["a", "b"]) == "a, b"
    assert shortened(list("abcdefghij")) == "a, b, c, d, e, f, g, h ... (10 in all)"

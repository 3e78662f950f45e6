"""Folders next to each other as splits: names in every form, and stopping where they are half clear."""

from __future__ import annotations

import pytest

from fastssl.data.layout import read_layout
from fastssl.data.layout.split_files import note_on_file_names
from fastssl.data.layout.split_folders import splits_of
from fastssl.data.layout.split_names import split_name
from fastssl.errors import DataError

TRAIN = "train Train TRAIN Training trainset training_set Train-set train_images TrainImages trn train2017 imagesTr"
VAL = "val valid Validation validating vali VAL-SET dev Dev_set devset validation_images tuning imagesVa Validación"
TEST = "test tests Testing TEST_SET test-images test1 holdout hold-out Held_Out testData imagesTs 测试集"


@pytest.mark.parametrize(
    ("name", "split"),
    [(name, split) for split, names in (("train", TRAIN), ("val", VAL), ("test", TEST)) for name in names.split()]
    + [("a. Training Set", "train"), ("2) test", "test"), ("train and val", "train"), ("v2 test final", "test")],
)
def test_a_name_of_a_split_is_read_in_any_form(name, split):
    found = split_name(name)
    assert found is not None
    assert (found.split, found.plain) == (split, True)


@pytest.mark.parametrize(
    "name",
    [
        "contest",
        "strain",
        "latest",
        "testis",
        "invalid",
        "valsalva",
        "trainee",
        "device",
        "covid",
        "normal development",
    ],
)
def test_a_word_that_only_holds_the_letters_of_a_split_is_none(name):
    assert split_name(name) is None


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("Training", "Testing"), ("train", "test")),
        (("training_set", "test_set"), ("train", "test")),
        (("train", "dev", "test"), ("train", "val", "test")),
        (("X_train", "X_test"), ("train", "test")),
        (("train_cxr", "val_cxr"), ("train", "val")),
        (("cxr-train", "cxr-valid", "cxr-holdout"), ("train", "val", "test")),
        (("train", "test1"), ("train", "test")),
        (("train", "eval", "test"), ("train", "val", "test")),
        (("train", "val", "evaluation"), ("train", "val", "test")),
        (("train", "val", "external_test"), ("train", "val", "test")),
        (("trainval", "test"), ("train", "test")),
        (("训练集", "验证集", "测试集"), ("train", "val", "test")),
    ],
)
def test_folders_that_all_name_a_split_are_splits(names, splits):
    assert splits_of(names, "set", divided=False) == dict(zip(names, splits, strict=True))


@pytest.mark.parametrize("names", [("benign", "malignant"), ("0", "1"), ("contest", "strain")])
def test_names_without_a_word_for_a_split_are_none(names):
    assert splits_of(names, "set", divided=False) is None


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("train_1", "train_2", "test"), "train_1, train_2 could all be train"),
        (("train_normal", "train_covid", "test_normal", "test_covid"), "train_covid, train_normal could all be train"),
        (("Train", "train"), "Train, train could all be train"),
        (("train", "train - Copy", "test"), "could all be train"),
        (("train", "val", "valid"), "val, valid could all be val"),
        (("train_normal", "test_covid"), "could be splits or classes"),
        (("val", "test"), "has test, val but no train folder"),
        (("test_1", "test_2"), "has test_1, test_2 but no train folder"),
        (("valid", "invalid"), "valid could be a split, but invalid next to it could not"),
        (("train", "car", "bus"), "train could be a split, but bus, car next to it could not"),
        (("HIV test", "normal", "tumour"), "HIV test could be a split, but normal, tumour next to it could not"),
        (("train", "vaildation", "test"), "vaildation next to it could not"),
        (("fold0", "fold1", "test"), "test could be a split, but fold0, fold1"),
        (("train", "evaluation"), "it is not clear which split evaluation is"),
        (("train", "test_val"), "it is not clear which split test_val is"),
    ],
)
def test_names_that_are_half_clear_stop_in_one_line(names, words):
    with pytest.raises(DataError) as caught:
        splits_of(names, "set", divided=False)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def placed(layout):
    return {
        path: (split, layout.class_names[label] if label >= 0 else "")
        for path, split, label in zip(layout.files, layout.splits, layout.labels.tolist(), strict=True)
    }


def files(*folders):
    return [f"{folder}/{index}.png" for folder in folders for index in range(3)]


def test_splits_may_lie_below_the_classes(touch):
    layout = read_layout(touch(*files("COVID/train", "COVID/test", "Normal/train", "Normal/Testing")))
    assert placed(layout) == {
        f"{name}/{folder}/{index}.png": (split, name)
        for name, folder, split in (
            *(("COVID", "train", "train"), ("COVID", "test", "test")),
            *(("Normal", "train", "train"), ("Normal", "Testing", "test")),
        )
        for index in range(3)
    }


def test_splits_below_the_classes_may_repeat_the_name_of_the_class(touch):
    layout = read_layout(touch(*files("a/a_train", "a/a_test", "b/images/b_train", "b/images/b_test")))
    assert set(placed(layout).values()) == {(split, name) for split in ("train", "test") for name in "ab"}


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("COVID/train", "COVID/test", "Normal"), "not all folders have them"),
        (("COVID/train", "COVID/test", "Normal/other"), "not all folders have them"),
        (("COVID/train", "COVID/misc", "Normal/train", "Normal/test"), "train could be a split, but misc"),
        (("a/x/train", "a/x/test", "b/x/train", "b/y/test"), "train below its folders could be splits"),
        (("s1/train/a", "s1/train/b", "s2/train/a", "s2/train/b"), "the classes could be s1, s2, or a, b"),
        (("fold0/train", "fold0/test", "fold1/train", "fold1/test"), "fold0, fold1 could be folds"),
        (("train/train", "train/val", "test"), "train, val below its folders could be splits"),
        (("train/fold0", "train/fold1", "test"), "fold0, fold1 could be folds"),
    ],
)
def test_splits_in_some_folders_alone_stop_in_one_line(touch, folders, words):
    with pytest.raises(DataError, match=words):
        read_layout(touch(*files(*folders)))


def test_classes_in_splits_may_be_called_like_splits(touch):
    layout = read_layout(touch(*files("train/valid", "train/invalid", "test/valid", "test/invalid")))
    assert layout.class_names == ("invalid", "valid")
    assert set(layout.splits) == {"train", "test"}


@pytest.mark.parametrize(
    "wrapped",
    [
        ("train/train/a", "train/train/b", "test/test/a", "test/test/b"),
        ("train/images/a", "train/images/b", "test/a", "test/b"),
        ("train/data/a", "train/data/b", "test/data/a", "test/data/b"),
        ("Training/train_set/a", "Training/train_set/b", "Test/test_set/a", "Test/test_set/b"),
    ],
)
def test_a_level_in_the_splits_that_says_nothing_is_no_class(touch, wrapped):
    layout = read_layout(touch(*files(*wrapped)))
    assert layout.class_names == ("a", "b")
    assert set(layout.splits) == {"train", "test"}


def test_a_folder_next_to_divided_splits_is_left_out_and_told(touch):
    layout = read_layout(touch(*files("train/a", "train/b", "test/a", "unlabeled")))
    assert len(layout.files) == 9
    assert any(
        "3 images outside the train, val and test folders are left out (unlabeled/0.png" in n for n in layout.notes
    )


def test_images_next_to_the_one_folder_of_splits_are_left_out_and_told(touch):
    layout = read_layout(touch("sample.png", *files("chest/train/a", "chest/train/b", "chest/test/a")))
    assert layout.class_names == ("a", "b")
    assert any("1 images outside the train, val and test folders are left out (sample.png)" in n for n in layout.notes)


def test_splits_in_the_names_of_files_divide_nothing_and_are_told(touch):
    note = note_on_file_names(["train_1.png", "train_2.png", "testA_1.png", "contest.png"])
    assert note.startswith("1 files are called test or val (testA_1.png) and 2 train")
    assert note_on_file_names(["train_1.png", "strain_2.png"]) == ""
    assert any("called test or val" in n for n in read_layout(touch("train_1.png", "val_1.png")).notes)

"""Which column means what, and what several rows say about a file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fastssl.errors import DataError

FILES = ("a.png", "b.png", "c.png", "d.png", "e.png", "f.png")


def test_the_column_that_names_most_files_is_that_of_paths(match: Callable) -> None:
    table = "id,source,label\na,x.png,0\nzz,a.png,1\nyy,b.png,1\nxx,c.png,0\n"
    found = match(table, FILES)
    assert found.labels.tolist() == [1, 1, 0, -1, -1, -1]
    assert found.notes[0] == "labels.csv: files by source, labels by label"


def test_labels_that_look_like_names_of_files_are_not_taken_for_them(match: Callable) -> None:
    found = match("label,image\n0,1\n1,0\n1,2\n0,3\n", ["0.png", "1.png", "2.png", "3.png"])
    assert found.labels.tolist() == [1, 0, 1, 0]


def test_a_few_files_of_a_large_table_are_found(match: Callable) -> None:
    rows = [f"{number:05},{number % 3}" for number in range(20_000)]
    found = match("\n".join(["scan,grade", *rows]), ["07001.png", "00017.png", "19999.png", "00018.png"])
    assert found.class_names == ("0", "1", "2")
    assert found.labels.tolist() == [2, 2, 1, 0]


def test_files_are_preferred_to_the_folders_of_patients(match: Callable) -> None:
    files = [f"P{patient}/{image}.png" for patient in (1, 2) for image in range(3)]
    found = match("patient_id,file,label\nP1,P1/0.png,x\nP2,P2/2.png,y\n", files)
    assert found.labels.tolist() == [0, -1, -1, -1, -1, 1]


@pytest.mark.parametrize("name", ["sex", "Male", "is_train", "follow-up #", "Frontal/Lateral", "eye", "id"])
def test_columns_of_0_and_1_that_describe_the_image_are_no_findings(name: str, match: Callable) -> None:
    found = match(f"path,{name},Edema,Mass\na.png,0,0,1\nb.png,1,1,1\n", FILES)
    assert found.class_names == ("Edema", "Mass")


def test_numbers_of_classes_next_to_their_names_are_not_needed(match: Callable) -> None:
    found = match("path,label,class_name\na.png,1,nevus\nb.png,0,melanoma\nc.png,1,nevus\n", FILES)
    assert found.class_names == ("melanoma", "nevus")
    assert found.labels.tolist() == [1, 0, 1, -1, -1, -1]


def test_columns_are_found_however_they_are_spelled(match: Callable) -> None:
    found = match("Image-Path,Patient_ID,DX\na.png,7,x\nb.png,8,y\n", FILES)
    assert found.notes[0] == "labels.csv: files by Image-Path, labels by DX, patients by Patient_ID"


def test_named_columns_are_taken(match: Callable) -> None:
    table = "path,other,label,kind,part,who\nb.png,a.png,x,y,train,7\na.png,b.png,y,y,test,8\nd.png,c.png,x,z,val,7\n"
    found = match(table, FILES, path_column="other", label_columns=("Kind",), split_column="part", group_column="who")
    assert found.labels.tolist() == [0, 0, 1, -1, -1, -1]
    assert found.splits == ("train", "test", "val", "train", "train", "train")
    assert found.groups == ("7", "8", "7", "", "", "")


def test_no_labels_and_no_splits_can_be_asked_for(match: Callable) -> None:
    table = "path,label,split\na.png,x,train\nb.png,y,test\n"
    found = match(table, FILES, label_columns=("none",), split_column="none")
    assert (found.labels, found.splits, found.label_problem) == (None, None, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("Training", "Validation", "Test"), ("train", "val", "test")),
        (("train", "valid", "holdout"), ("train", "val", "test")),
        (("TRAIN", "dev", "eval"), ("train", "val", "test")),
        (("train", "eval", "test"), ("train", "val", "test")),
    ],
)
def test_splits_in_other_words(words: tuple[str, ...], expected: tuple[str, ...], match: Callable) -> None:
    table = "path,label,set\n" + "".join(
        f"{name},{label},{word}\n" for name, label, word in zip(FILES, "xyx", words, strict=False)
    )
    assert match(table, FILES[:3]).splits == expected


def test_files_without_a_row_are_never_held_out_and_rows_without_a_split_are_left_out(match: Callable) -> None:
    found = match("path,label,split\na.png,x,train\nb.png,y,test\nc.png,y,\n", FILES[:4])
    assert found.splits == ("train", "test", "", "train")
    assert found.labels.tolist() == [0, 1, 1, -1]
    assert found.in_table.tolist() == [True, True, True, False]
    assert found.notes[1:] == (
        "1 of 4 images has no row in labels.csv, taken as unlabelled training images (d.png)",
        "1 image left out, for which split of labels.csv is empty",
    )


def test_folds_are_said_to_be_no_splits(match: Callable) -> None:
    found = match("path,label,fold\na.png,x,0\nb.png,y,1\n", FILES)
    assert found.splits is None
    assert "labels.csv: fold is not used: splits are train, val and test" in found.notes


def test_rows_that_say_the_same_are_one_and_blanks_contradict_nothing(match: Callable) -> None:
    table = "path,label,split,patient\na.png,x,train,1\na.png,x,train,1\nA.PNG,y,test,2\na,,,\nb.png,y,test,2\n"
    found = match(table, FILES[:2])
    assert found.labels.tolist() == [0, 1]
    assert found.splits == ("train", "test")
    assert found.groups == ("1", "2")


def test_findings_in_several_equal_rows(match: Callable) -> None:
    found = match("path,Edema,Mass\na.png,0,1\nb.png,1,1\na.png,0,1\n", FILES[:2])
    assert found.labels.tolist() == [[0, 1], [1, 1]]
    with pytest.raises(DataError, match=r"lines 2 and 4 give a\.png two labels"):
        match("path,Edema,Mass\na.png,0,1\nb.png,1,1\na.png,1,1\n", FILES[:2])


@pytest.mark.parametrize(
    ("one", "zero"), [("1", "0"), ("1.0", "0.0"), ("True", "False"), ("yes", "no"), ("positive", "negative")]
)
def test_words_of_findings(one: str, zero: str, match: Callable) -> None:
    found = match(f"path,Edema,Mass\na.png,{one},{zero}\nb.png,{one},{one}\nc.png,{zero},{one}\n", FILES[:3])
    np.testing.assert_array_equal(found.labels, [[1, 0], [1, 1], [0, 1]])


def test_semicolons_and_bars_separate_labels_in_a_cell(match: Callable) -> None:
    for sign in ("|", "; "):
        found = match(f'path,label\na.png,"x{sign}y"\nb.png,y\nc.png,\nd.png,none found\n', FILES[:4])
        assert found.class_names == ("none found", "x", "y")
        assert found.labels.tolist() == [[0, 1, 1], [0, 0, 1], [-1, -1, -1], [1, 0, 0]]

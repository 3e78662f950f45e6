"""Folders of images opened with a table, as a user does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.data import open_source
from fastssl.data.source import Source
from fastssl.errors import DataError
from fastssl.evaluation.shared.partition import partition


@pytest.fixture
def images(tmp_path: Path) -> Callable[..., Path]:
    """Save images of one value each: the number of the file in the list."""

    def make(*paths: str) -> Path:
        for value, path in enumerate(paths):
            (tmp_path / "images" / path).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), value).save(tmp_path / "images" / path)
        return tmp_path / "images"

    return make


def values(source: Source, split: str) -> list[int]:
    return source.splits[split].images[:, 0, 0, 0].tolist()


def test_labels_and_splits_of_a_table_stand_in_place_of_folders(images: Callable, write: Callable) -> None:
    folder = images("x/0.png", "x/1.png", "y/2.png", "y/3.png", "y/4.png")
    rows = "x/0.png,b,test\nx/1.png,a,train\ny/2.png,b,train\ny/3.png,a,val\n"
    source = open_source(folder, size=8, value_range="full", labels=write(f"path,label,split\n{rows}"))
    assert (source.task, source.class_names) == ("binary-class", ("a", "b"))
    assert {split: values(source, split) for split in source.splits} == {"train": [1, 2, 4], "val": [3], "test": [0]}
    assert source.splits["train"].labels.tolist() == [0, 1, -1]
    assert source.splits["test"].labels.tolist() == [1]
    assert source.report.unlabelled == {"train": 1}


def test_labels_alone_are_divided_class_by_class_and_unlabelled_images_are_for_training(
    images: Callable, write: Callable
) -> None:
    folder = images(*(f"{number}.png" for number in range(40)))
    rows = "".join(f"{number},{'ab'[number % 2]}\n" for number in range(30))
    source = open_source(folder, size=8, value_range="full", labels=write(f"image,dx\n{rows}"))
    held = values(source, "val") + values(source, "test")
    assert max(held) < 30
    assert set(range(30, 40)) <= set(values(source, "train"))
    for split in source.splits.values():
        own = split.images[:, 0, 0, 0].astype(int)
        np.testing.assert_array_equal(split.labels, np.where(own < 30, own % 2, -1))
        assert {0, 1} <= set(split.labels.tolist())


def test_labels_of_a_table_keep_the_splits_of_folders(images: Callable, write: Callable) -> None:
    folder = images("train/0.png", "train/1.png", "train/2.png", "valid/3.png", "valid/4.png")
    rows = "images/train/0.png,1\nimages/train/1.png,0\nimages/train/2.png,1\nimages/valid/3.png,0\n"
    source = open_source(folder, size=8, value_range="full", labels=write(f"Path,target\n{rows}"))
    assert values(source, "train") == [0, 1, 2]
    assert source.splits["val"].labels.tolist() == [0, -1]


def test_splits_of_a_table_keep_the_classes_of_folders(images: Callable, write: Callable) -> None:
    folder = images("x/0.png", "x/1.png", "y/2.png", "y/3.png")
    rows = "x/0.png,train\nx/1.png,test\ny/2.png,train\ny/3.png,test\n"
    source = open_source(folder, size=8, value_range="full", labels=write(f"path,split\n{rows}"))
    assert (source.class_names, source.label_problem) == (("x", "y"), "")
    assert {split: values(source, split) for split in source.splits} == {"train": [0, 2], "test": [1, 3]}


def test_findings_that_are_not_known_are_left_out_of_evaluations(images: Callable, write: Callable) -> None:
    folder = images(*(f"{number}.png" for number in range(30)))
    rows = "".join(f"{number},{number % 2},{(number // 2) % 2 or -1}\n" for number in range(28))
    source = open_source(folder, size=8, value_range="full", labels=write(f"image,Edema,Mass\n{rows}"))
    parts = partition(source)
    assert source.task == "multi-label, binary-class"
    assert all((part.labels >= 0).all() for part in (parts.train, parts.val, parts.test))
    counted = sum(map(len, (parts.train.rows, parts.val.rows, parts.test.rows)))
    assert counted == sum((number // 2) % 2 for number in range(28))


def test_labels_that_cannot_be_used_stop_evaluations_alone(images: Callable, write: Callable) -> None:
    source = open_source(
        images("0.png", "1.png"), size=8, value_range="full", labels=write("path,age\n0.png,40\n1.png,50\n")
    )
    assert source.splits["train"].labels is None
    with pytest.raises(DataError, match=r"images: labels\.csv: no column is clearly that of labels"):
        partition(source)


def test_a_table_without_an_image_to_train_on_is_refused(images: Callable, write: Callable) -> None:
    table = write("path,label,split\n0.png,x,test\n1.png,y,val\n")
    with pytest.raises(DataError, match=r"no image is of the train split; write train in the rows of some"):
        open_source(images("0.png", "1.png"), size=8, value_range="full", labels=table)


@pytest.mark.parametrize("data", ["demo", "breastmnist", "scans.npz"])
def test_a_table_goes_with_folders_alone(
    data: str, write: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("scans.npz", train_images=np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(DataError, match=rf"^{data} has labels of its own; a table \(--labels\) goes with a folder"):
        open_source(data, labels=write("path,label\n0.png,1\n"))


@pytest.mark.parametrize("setting", ["path_column", "label_column", "split_column"])
def test_a_column_without_a_table_is_refused(setting: str, images: Callable) -> None:
    with pytest.raises(
        DataError, match=f"^{setting} names a column of a table, and there is none; give one by --labels"
    ):
        open_source(images("0.png"), **{setting: "x"})

"""Who trains, validates and is tested: by default, by count, by name, by patient, by file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastssl.errors import ConfigError, DataError
from fastssl.evaluation.segment.splits import SplitRequest, split_names

CHASE = [f"Image_{child:02d}{eye}" for child in range(1, 15) for eye in "LR"]
TEN = [f"n{number}" for number in range(10)]


def test_the_default_is_the_usual_split_of_chase_with_no_child_in_two_parts() -> None:
    parts = split_names(CHASE, SplitRequest())
    assert parts == {"train": CHASE[:16], "val": CHASE[16:20], "test": CHASE[20:]}


@pytest.mark.parametrize("count", [3, 4, 5, 9, 100])
def test_the_parts_share_out_all_images_and_none_is_empty(count: int) -> None:
    names = [f"{number:03d}" for number in range(count)]
    parts = split_names(names, SplitRequest())
    assert all(parts.values())
    assert [*parts["train"], *parts["val"], *parts["test"]] == names


def test_counts_take_the_last_names() -> None:
    parts = split_names(TEN, SplitRequest(test=("2",), val=("3",)))
    assert (parts["train"], parts["val"], parts["test"]) == (TEN[:5], TEN[5:8], TEN[8:])


def test_names_are_taken_wherever_they_stand() -> None:
    parts = split_names(TEN, SplitRequest(test=("n0", "n5"), val=("n1",)))
    assert (parts["val"], parts["test"]) == (["n1"], ["n0", "n5"])
    assert len(parts["train"]) == 7


@pytest.mark.parametrize(
    "request_",
    [
        SplitRequest(test=("7",), val=("3",), patient=r"\d+"),
        SplitRequest(test=("Image_12R",), val=("Image_03L",), patient=r"_(\d+)"),
    ],
)
def test_a_patients_images_stay_together(request_: SplitRequest) -> None:
    parts = split_names(CHASE, request_)
    children = [{name[6:8] for name in part} for part in parts.values()]
    assert sum(map(len, children)) == 14
    assert sum(map(len, parts.values())) == 28


def test_a_file_says_who_is_where(tmp_path: Path) -> None:
    file = tmp_path / "split.csv"
    file.write_text("b,train\n\nc,val\na , test\n", encoding="utf-8")
    assert split_names(["a", "b", "c"], SplitRequest(file=file)) == {"train": ["b"], "val": ["c"], "test": ["a"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,train\nb,valid\nc,test", "line 2: 'b,valid' is not NAME,train or NAME,val or NAME,test"),
        ("a,train\nz,val", "line 2: no image is called 'z'"),
        ("a,train\na,val", "line 2: twice 'a'"),
        ("a,train\nb,val", "names no split for 'c' and 0 other"),
        ("a,train\nb,train\nc,test", "leave none for val"),
    ],
)
def test_a_file_that_cannot_be_followed_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "split.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=expected):
        split_names(["a", "b", "c"], SplitRequest(file=file))


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (SplitRequest(test=("10",)), "test_images=10: give 1 to 9 of 10 images"),
        (SplitRequest(test=("0",)), "test_images=0: give 1 to 9"),
        (SplitRequest(val=("n99",)), "val_images: no image is called 'n99'"),
        (SplitRequest(patient="("), "not a regular expression"),
        (SplitRequest(patient="x"), "does not match 'n0'"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(request_: SplitRequest, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        split_names(TEN, request_)


def test_two_images_are_too_few() -> None:
    with pytest.raises(DataError, match=r"2 image\(s\) leave none for (train|val)"):
        split_names(["a", "b"], SplitRequest())

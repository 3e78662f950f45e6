"""Who trains, validates and is tested: by default, by count, by name, by patient, by file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fastssl.errors import ConfigError, DataError
from fastssl.evaluation.segment.data.image_names import ImageNames
from fastssl.evaluation.segment.data.pairing import Pair
from fastssl.evaluation.segment.data.splits import SplitRequest
from fastssl.evaluation.segment.data.splits import split_names as divided

CHASE = [f"Image_{child:02d}{eye}" for child in range(1, 15) for eye in "LR"]
TEN = [f"n{number}" for number in range(10)]
FORMS = ["21_training.tif", "22_training.tif", "Köln.png", "a b.png"]


def split_names(names: list[str], request: SplitRequest) -> dict[str, list[str]]:
    return divided(ImageNames(names=names), request).parts


def placed(*places: str, ending: str = ".png", left_out: tuple[str, ...] = ()) -> ImageNames:
    """Images at these places, whose names are those of their files."""
    pairs = [
        Pair(name=place.rpartition("/")[2], image=Path("/x") / (place + ending), masks=(Path("m"),), place=place)
        for place in places
    ]
    return ImageNames.of(pairs, left_out)


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


@pytest.mark.parametrize(
    "content",
    [
        b"a,train\r\nb,val\r\nc,test\r\n",
        b"\xef\xbb\xbfa,train\nb,val\nc,test",
        "a,train\nb,val\nc,test".encode("utf-16"),
        b"a\ttrain\nb\tval\nc\ttest",
        b"a train\nb  val\nc.png test",
        b"a;train;\nb;val;\nc;test;\n",
        b"  a , train \n\n\n b,val  \n;;\nc, test\n   ",
        b"image,split\na.png,Train\nb.png,VAL\nc.png,TEST\n",
        b'"Filename","Subset"\n"a.png","train"\n"b","val"\n"c.png","test"\n',
        b"./a.png,train\nfolder\\b.png,val\nfolder/c,test",
    ],
    ids=["CRLF", "BOM", "UTF-16", "tabs", "spaces", "semicolons", "blanks", "headings", "quotes", "paths"],
)
def test_a_file_of_splits_may_come_from_any_spreadsheet(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "split.csv"
    file.write_bytes(content)
    names = placed("a", "folder/b", "folder/c")
    assert divided(names, SplitRequest(file=file)).parts == {"train": ["a"], "val": ["b"], "test": ["c"]}


def test_names_may_be_written_in_either_form_of_unicode_and_with_or_without_suffix(tmp_path: Path) -> None:
    pairs = [
        Pair(name=name.split("_")[0].split(".")[0], image=Path(name), masks=(Path("m"),), place=Path(name).stem)
        for name in FORMS
    ]
    file = tmp_path / "split.csv"
    file.write_text("21,train\n22_training.tif,train\nKo\u0308ln,val\na b.png,test", encoding="utf-8")
    found = divided(ImageNames.of(pairs), SplitRequest(file=file)).parts
    assert found == {"train": ["21", "22"], "val": ["Köln"], "test": ["a b"]}
    found = divided(ImageNames.of(pairs), SplitRequest(test=("21_training.tif",), val=("Köln.png",))).parts
    assert (found["test"], found["val"]) == (["21"], ["Köln"])


def test_a_file_of_splits_may_name_images_that_were_left_out(tmp_path: Path) -> None:
    file = tmp_path / "split.csv"
    file.write_text("a,train\nb,val\nc,test\nd,train\ne.png,test\n", encoding="utf-8")
    known = placed("a", "b", "c", left_out=("d.png", "sub/e.png"))
    assert divided(known, SplitRequest(file=file)).parts == {"train": ["a"], "val": ["b"], "test": ["c"]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,train\na.png,val\nb,val\nc,test", "line 2: twice 'a.png'"),
        (b"K\xf6ln,train", "is not in UTF-8; save it so"),
        (b"\xff\xfea", "is not in UTF-8; save it so"),
        (b"train", "line 1: 'train' is not NAME,train"),
        (b"a,train\nname,split", "line 2: 'name,split' is not NAME,train"),
        (b"", "names no split for 'a' and 2 other image"),
    ],
)
def test_what_is_no_file_of_splits_is_one_line(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "split.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=expected):
        divided(placed("a", "b", "c"), SplitRequest(file=file))
    with pytest.raises(DataError, match="cannot be read as a file of splits"):
        divided(placed("a", "b", "c"), SplitRequest(file=tmp_path))


@pytest.mark.parametrize(
    ("folders", "counts", "how"),
    [
        (("train", "val", "test"), (10, 10, 10), "by folders"),
        (("Training", "validation", "Test"), (10, 10, 10), "by folders"),
        (("data/train", "data/dev", "data/test"), (10, 10, 10), "by folders"),
        (("train", "test"), (8, 2, 10), "by folders; the last names of train validate"),
        (("train", "val"), (8, 2, 10), "by folders, of which the one for validation tests; the last names of train"),
    ],
)
def test_folders_of_splits_are_taken_as_they_are(folders: tuple[str, ...], counts: tuple[int, ...], how: str) -> None:
    known = placed(*(f"{folder}/{folder[-3:]}{number}" for folder in folders for number in range(10)))
    found = divided(known, SplitRequest())
    assert tuple(map(len, found.parts.values())) == counts
    assert found.how.startswith(how)
    assert all(name.startswith(folders[-1][-3:]) for name in found.parts["test"])
    asked = divided(known, SplitRequest(test=("4",), val=("3",)))
    assert len(asked.parts["test"]) == 4


def test_folders_that_are_kinds_of_images_are_each_split_and_patients_are_not() -> None:
    """BUSI's last names are all of one kind; LGG's folders are patients."""
    kinds = ("benign", "malignant", "normal")
    found = divided(placed(*(f"busi/{kind}/{kind} ({n})" for kind in kinds for n in range(20))), SplitRequest())
    for names in found.parts.values():
        assert {name.split()[0] for name in names} == set(kinds)
    assert found.how == "the last names of each of benign, malignant, normal test"
    patients = placed(*(f"TCGA_{patient}/TCGA_{patient}_{n}" for patient in range(10, 20) for n in range(20)))
    found = divided(patients, SplitRequest(patient=r"TCGA_\d+(?=/)"))
    owners = [{name[:7] for name in names} for names in found.parts.values()]
    assert sum(map(len, owners)) == 10


def test_a_patient_in_two_folders_of_splits_is_refused() -> None:
    known = placed(*(f"{split}/p{n}_{split}" for split in ("train", "val", "test") for n in range(4)))
    request = SplitRequest(patient=r"p(\d)_")
    with pytest.raises(DataError, match="by folders: 4 patients have images in train and in val"):
        divided(known, request)
    found = divided(known, replace(request, allow_leak=True))
    assert len(found.notes) == 3
    assert {split: own.tolist() for split, own in found.groups().items()} == {
        name: [0, 1, 2, 3] for name in found.parts
    }


def test_folders_can_be_patients() -> None:
    known = placed(*(f"set/p{patient}/{patient}_{n}" for patient in range(10) for n in range(4)))
    found = divided(known, SplitRequest(patient="folder"))
    owners = [{name[0] for name in names} for names in found.parts.values()]
    assert sum(map(len, owners)) == 10


def test_two_images_are_too_few() -> None:
    with pytest.raises(DataError, match=r"2 image\(s\) leave none for (train|val)"):
        split_names(["a", "b"], SplitRequest())

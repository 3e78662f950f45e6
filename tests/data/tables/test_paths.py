"""Paths in every form that tables have, and the files that they mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastssl.data.tables.file_index import FileIndex
from fastssl.data.tables.folder_index import FolderIndex
from fastssl.data.tables.paths import Beginnings, normal, stem

ROOT = Path("/data/chest/images")
FILES = ("left/a.png", "left/b.nii.gz", "right/c.dcm", "right/É.png", "1.2.840.3")


def meant(path: str, files: tuple[str, ...] = FILES, root: Path = ROOT) -> str | None:
    found = FileIndex(files, Beginnings(root, [Path("/data/chest")])).match([path])
    return files[found.files[path][0]] if path in found.files else None


@pytest.mark.parametrize(
    "path",
    [
        *("left/a.png", "./left/a.png", "left//a.png", "left\\a.png", ".\\left\\a.png", "right/../left/a.png"),
        *("/data/chest/images/left/a.png", "file:///data/chest/images/left/a.png", "images/left/a.png"),
        *("../images/left/a.png", "C:\\scans\\images\\left\\a.png", "/home/me/copy/left/a.png"),
        *("a.png", "a", "left/a", "images/left/a", "a.dcm", "left/a.jpg", "LEFT/A.PNG", "A", "/old/Left/A.tif"),
    ],
)
def test_a_path_means_a_file_in_each_of_these_forms(path: str) -> None:
    assert meant(path) == "left/a.png"


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("b", "left/b.nii.gz"),
        ("b.nii", "left/b.nii.gz"),
        ("b.png", "left/b.nii.gz"),
        ("c.png", "right/c.dcm"),
        ("1.2.840.3", "1.2.840.3"),
        ("1.2.840.3.dcm", "1.2.840.3"),
        ("1.2.840", None),
        (unicodedata.normalize("NFD", "right/É"), "right/É.png"),
        ("right/a.png", None),
        ("aa.png", None),
        ("t/a.png", None),
    ],
)
def test_endings_forms_of_unicode_and_what_is_no_file(path: str, file: str | None) -> None:
    assert meant(path) == file


def test_stricter_ways_win() -> None:
    files = ("a.png", "A.png", "a.png.png", "x/a.png")
    found = FileIndex(files, Beginnings(ROOT, [])).match(["a.png", "A.png", "x/a.png", "a.png.png"])
    assert {path: files[own[0]] for path, own in found.files.items()} == {file: file for file in files}


def test_a_path_of_another_folder_is_not_taken_for_one_of_this(match: Callable) -> None:
    """Of a table of two folders, one of which is opened: test/2.png is not train/2.png."""
    table = "path,label\ntrain/1.png,x\ntrain/3.png,y\ntest/2.png,x\n"
    found = match(table, ["1.png", "2.png", "3.png"], root="train")
    assert found.labels.tolist() == [0, -1, 1]
    assert "1 of 3 rows of labels.csv has no file (test/2.png)" in found.notes


def test_of_paths_that_end_alike_the_one_in_the_folders_of_the_file_is_taken() -> None:
    paths = [f"CheXpert/train/patient{number}/study1/view.jpg" for number in (1, 2, 3)]
    found = FileIndex(["study1/view.jpg"], Beginnings(Path("/data/train/patient2"), [])).match(paths)
    assert dict(found.files) == {paths[1]: [0]}
    assert not found.shared


def test_a_table_inside_the_folder_of_the_images_names_its_neighbours() -> None:
    files = ("part/a.png", "other/a.png")
    found = FileIndex(files, Beginnings(ROOT, [ROOT / "part"])).match(["a.png"])
    assert list(found.files["a.png"]) == [0]


def test_folders_are_meant_by_path_name_or_number() -> None:
    files = ("p10/p100/s7/x.dcm", "p10/p100/s7/y.dcm", "p10/p100/s8/x.dcm", "p10/p101/s9/x.dcm")
    index = FolderIndex(files, Beginnings(ROOT, []))
    found = index.match(["p10/p100/s7", "s8", "101", "images/p10/p101", "p10\\p100\\", "s1"])
    assert {path: list(own) for path, own in found.files.items()} == {
        "p10/p100/s7": [0, 1],
        "s8": [2],
        "101": [3],
        "images/p10/p101": [3],
        "p10\\p100\\": [0, 1, 2],
    }


def test_a_name_of_two_folders_is_unclear() -> None:
    found = FolderIndex(("a/1/x.dcm", "b/1/x.dcm"), Beginnings(ROOT, [])).match(["1"])
    assert dict(found.unclear) == {"1": ["a/1", "b/1"]}


NAME = st.text("abAB1é", min_size=1, max_size=3)
TREE = st.lists(st.lists(NAME, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8, unique=True)


@given(TREE, st.data())
def test_whole_paths_mean_their_own_files_however_they_are_written(tree: list[str], data: st.DataObject) -> None:
    files = [f"{path}.png" for path in tree]
    form = data.draw(st.sampled_from(("{}", "./{}", "images/{}", "/data/chest/images/{}", "../images/{}")))
    windows, without = data.draw(st.booleans()), data.draw(st.booleans())
    paths = [form.format(stem(file) if without else file) for file in files]
    written = {path.replace("/", "\\") if windows else path: index for index, path in enumerate(paths)}
    found = FileIndex(files, Beginnings(ROOT, [])).match(written)
    assert {path: own[0] for path, own in found.files.items()} == written


@given(TREE, TREE)
def test_a_path_never_means_a_file_with_another_name(tree: list[str], paths: list[str]) -> None:
    found = FileIndex(tree, Beginnings(ROOT, [])).match(paths)
    for path, own in found.files.items():
        one, other = (normal(text).casefold().split("/") for text in (path, tree[own[0]]))
        shorter = min(len(one), len(other))
        assert one[-shorter:] == other[-shorter:]
    assert set(found.files).isdisjoint({*found.unclear, *found.shared})
    assert {path for path in paths if path in tree} <= set(found.files)

"""The walk through a folder: order, links, what is passed over."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from fastssl.data.layout import read_layout
from fastssl.data.layout.endings import advice_on, ending_of
from fastssl.data.layout.value_files import value_files_of
from fastssl.data.layout.walk import find_images
from fastssl.data.reading import IMAGE_SUFFIXES
from fastssl.errors import DataError

AS_ROOT = sys.platform == "win32" or os.geteuid() == 0


def found(root):
    return ["/".join((*folder, name)) for folder, names in find_images(root).images.items() for name in names]


@pytest.mark.parametrize("ending", IMAGE_SUFFIXES)
def test_every_ending_that_is_read_is_found_in_upper_and_lower_case(touch, ending):
    assert found(touch(f"a{ending}", f"b{ending.upper()}")) == [f"a{ending}", f"b{ending.upper()}"]


def test_folders_and_files_come_in_the_order_of_their_names(touch):
    assert found(touch("b/2.png", "b/10.png", "a/z/1.png", "a/1.png", "9.png")) == [
        *("9.png", "a/1.png", "a/z/1.png", "b/10.png", "b/2.png")
    ]


JUNK = [
    *("@eaDir/x/SYNOPHOTO_THUMB_M.jpg", "$RECYCLE.BIN/1.png", "#recycle/1.png", "System Volume Information/1.png"),
    *("__MACOSX/1.png", "lost+found/1.png", ".Trash-1000/1.png", "a/@eaDir/1.png", "a/.ipynb_checkpoints/1-c.png"),
    *("@Recycle/1.png", "#snapshot/1.png", "FOUND.000/1.png", "RECYCLER/1.png", "a/.@__thumb/1.png"),
    *("Thumbs.db", "desktop.ini", ".DS_Store", "._a.png", ".hidden.png", "~$table.png", "Icon\r", "ehthumbs.db"),
]


@pytest.mark.parametrize("path", JUNK)
def test_what_systems_leave_behind_is_neither_read_nor_counted(touch, path):
    root = touch("a/real.png", path)
    assert found(root) == ["a/real.png"]
    assert find_images(root).passed_over == {}


def test_other_files_are_counted_by_ending(touch):
    layout = read_layout(
        touch("1.png", "a.csv", "b.CSV", "x/c.csv", "d.npy", "e.mgz", "README", "1.2.840.1136", "f.png.part")
    )
    assert layout.passed_over == {".csv": 3, "no ending": 2, ".npy": 1, ".mgz": 1, ".part": 1}


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        *(("a.CSV", ".csv"), ("a.tar.gz", ".tar.gz"), ("a.b.gz", ".gz"), ("a", "no ending"), ("a.", "no ending")),
        *(("1.2.840.113619", "no ending"), ("scan by Dr. Who", "no ending"), ("a.\n", "no ending"), ("é.txt", ".txt")),
    ],
)
def test_the_ending_of_a_name(name, ending):
    assert ending_of(name) == ending


@pytest.mark.parametrize(
    ("passed_over", "images", "words"),
    [
        ({".npy": 120, ".csv": 1}, 3, "120 .npy: volumes and arrays are not read; save their slices as PNG or TIFF"),
        ({".nii.gz": 5, ".nii": 2}, 3, "5 .nii.gz, 2 .nii: volumes"),
        ({"no ending": 12}, 3, "12 files have no ending and are no DICOM files"),
        ({".zip": 2}, 0, "2 .zip: archives are not read; unpack them"),
        ({".npy": 2, ".csv": 90}, 3, ""),
    ],
)
def test_many_files_of_other_kinds_are_told(passed_over, images, words):
    assert advice_on(passed_over, images).startswith(words)
    assert bool(advice_on(passed_over, images)) == bool(words)


def test_a_class_folder_without_images_is_told(touch):
    layout = read_layout(touch(*[f"{c}/{i}.png" for c in "ab" for i in range(3)], *[f"c/{i}.npy" for i in range(9)]))
    assert layout.class_names == ("a", "b")
    assert "no image in c (9 .npy)" in layout.notes
    assert any("9 .npy: volumes" in note for note in layout.notes)


def test_a_folder_reached_in_two_ways_is_read_twice_and_told(touch, tmp_path):
    root = touch("train/a/1.png", "train/b/1.png")
    (root / "test").mkdir()
    (root / "test" / "a").symlink_to(root / "train" / "a")
    layout = read_layout(root)
    assert layout.files == ("train/a/1.png", "train/b/1.png", "test/a/1.png")
    assert layout.notes == (
        "1 images are there more than once, by links (train/a/1.png is test/a/1.png); "
        "1 of them are in several splits, such as train/a/1.png (train) and test/a/1.png (test)",
    )


@pytest.mark.parametrize("link", [lambda new, old: new.symlink_to(old), lambda new, old: new.hardlink_to(old)])
def test_a_file_linked_twice_is_told(touch, link):
    root = touch("1.png", "2.png")
    link(root / "3.png", root / "1.png")
    layout = read_layout(root)
    assert layout.files == ("1.png", "2.png", "3.png")
    assert layout.notes == ("1 images are there more than once, by links (1.png is 3.png)",)


def test_links_out_of_the_set_alone_are_not_told(touch, tmp_path):
    root = touch()
    for index in range(3):
        (tmp_path / f"{index}.png").touch()
        (root / f"{index}.png").symlink_to(tmp_path / f"{index}.png")
    assert read_layout(root).notes == ()


@pytest.mark.parametrize("to", [".", "..", "../..", "b"])
def test_a_link_to_a_folder_above_is_not_followed_and_told(touch, to):
    root = touch("a/1.png", "b/c/1.png")
    (root / "b" / "c" / "loop").symlink_to((root / "b" / "c" / to).resolve() if to != "b" else root / "b")
    assert found(root) == ["a/1.png", "b/c/1.png"]
    assert find_images(root).notes == ("1 links lead to a folder that holds them and are not followed (b/c/loop)",)


def test_a_link_above_the_set_itself_is_not_followed(touch, tmp_path):
    root = touch("a/1.png")
    (root / "a" / "up").symlink_to(tmp_path)
    assert found(root) == ["a/1.png"]


def test_links_through_another_folder_and_back_end(touch, tmp_path):
    root = touch("a/1.png")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "2.png").touch()
    (tmp_path / "other" / "back").symlink_to(root)
    (root / "a" / "out").symlink_to(tmp_path / "other")
    assert found(root) == ["a/1.png", "a/out/2.png"]


def test_links_in_circles_among_many_folders_stop_in_one_line(touch):
    names = "abcdefgh"
    root = touch(*[f"{name}/1.png" for name in names])
    for name in names:
        for other in names:
            (root / name / f"to_{other}").symlink_to(root / other)
    with pytest.raises(DataError, match=r"links reach .* in over 20 ways; remove links in circles"):
        find_images(root)


def test_dead_links_called_like_images_stay_and_others_are_told(touch, tmp_path):
    root = touch("1.png")
    for name in ("2.png", "malignant", "labels.csv", "me.png"):
        (root / name).symlink_to(root / "me.png" if name == "me.png" else tmp_path / "nowhere")
    layout = read_layout(root)
    assert layout.files == ("1.png", "2.png", "me.png")
    assert layout.passed_over == {".csv": 1}
    assert layout.notes == ("1 links lead nowhere and are left out (malignant)",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_called_like_an_image_is_never_opened(touch):
    root = touch("1.png")
    os.mkfifo(root / "2.png")
    assert found(root) == ["1.png"]
    assert "1 entries are neither files nor folders" in find_images(root).notes[0]


@pytest.mark.skipif(AS_ROOT, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_stops_in_one_line(touch):
    root = touch("a/1.png", "b/1.png")
    (root / "b").chmod(0)
    with pytest.raises(DataError, match="b cannot be listed: Permission denied; change its permissions"):
        find_images(root)
    (root / "b").chmod(0o700)


def test_a_folder_that_is_none_stops_in_one_line(tmp_path):
    for path in (tmp_path / "missing", tmp_path / "file.png"):
        if path.name == "file.png":
            path.touch()
        with pytest.raises(DataError, match=f"{re.escape(str(path))} cannot be listed"):
            find_images(path)


@pytest.fixture
def deep(tmp_path):
    """Make a chain of folders, one in the other; the path of the last one may be longer than the system takes."""
    here, made = os.open(".", os.O_RDONLY), []

    def make(name, levels):
        os.chdir(tmp_path)
        for _ in range(levels):
            Path(name).mkdir()
            os.chdir(name)
            made.append(name)
        Path("x.png").touch()
        os.fchdir(here)
        return tmp_path

    yield make
    os.chdir(tmp_path)
    for name in made:
        os.chdir(name)
    Path("x.png").unlink()
    for name in reversed(made):
        os.chdir("..")
        Path(name).rmdir()
    os.fchdir(here)
    os.close(here)


def test_a_thousand_levels_of_folders_are_read(deep):
    layout = read_layout(deep("d", 1000))
    assert layout.files == ("x.png",)
    assert len(layout.root.parts) > 1000


def test_a_path_longer_than_the_system_takes_stops_in_one_line(deep):
    with pytest.raises(DataError, match="cannot be listed: File name too long"):
        read_layout(deep("a_rather_long_name_of_a_folder", 200))


@pytest.mark.parametrize("header", ["a.hdr", "a.hdr.gz", "A.HDR"])
def test_a_header_is_an_image_where_its_values_are_next_to_it(touch, header):
    values = header.replace("hdr", "img").replace("HDR", "IMG")
    root = touch(header, values, "other.hdr", "x/1.png", "lone.img")
    assert found(root) == [header, "x/1.png"]
    assert find_images(root).passed_over == {".hdr": 1, ".img": 1}


@pytest.mark.parametrize(("header", "values"), [("a.mhd", "a.raw"), ("a.mhd", "a.zraw"), ("a.nhdr", "a.raw.gz")])
def test_values_next_to_their_header_are_no_files_of_other_kinds(touch, header, values):
    root = touch(header, values, "b.raw")
    assert found(root) == [header]
    assert find_images(root).passed_over == {".raw": 1}
    assert value_files_of(root / header) == (root / values,)
    assert value_files_of(root / "b.raw") == ()


def test_volumes_are_other_files_where_pictures_alone_are_wanted(touch):
    listing = find_images(touch("1.png", "2.nii.gz", "3.mhd", "3.raw"), pictures_alone=True)
    assert listing.images == {(): ["1.png"]}
    assert listing.passed_over == {".mhd": 1, ".nii.gz": 1, ".raw": 1}

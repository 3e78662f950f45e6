"""Where data may lie: ~ without a home, what is no file, what may not be looked at; one line each, and none hangs."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.paths import expanded, home_folder, kind_of
from fastssl.data.storage import cache_folder
from fastssl.errors import DataError

IMAGES = np.zeros((4, 28, 28), np.uint8)
NOBODY = 65534


@pytest.fixture(params=["unset", "empty"])
def no_home(monkeypatch, request):
    """A system that knows no home folder: HOME is not set, and the user is in no list of users; or HOME is empty."""
    monkeypatch.setenv("HOME", "")
    if request.param == "unset":
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)


def line(call, *arguments, **options) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_home_folder_is_put_in_the_place_of_its_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "mine.npz", train_images=IMAGES)
    assert open_source("~/mine.npz").name == "mine"
    assert open_source("mine.npz", root="~").name == "mine"
    assert "no data at" in line(open_source, "./~/mine.npz")
    monkeypatch.setenv("FASTSSL_CACHE", "~/kept")
    assert cache_folder() == tmp_path / "kept"


def test_without_a_home_folder_what_needs_one_is_refused_and_what_needs_none_is_not(no_home, tmp_path, monkeypatch):
    monkeypatch.delenv("FASTSSL_CACHE")
    assert "HOME is not set" in line(open_source, "~/mine.npz")
    assert "data_root='~/x': HOME is not set" in line(open_source, "pneumoniamnist", root="~/x")
    assert "give the folder of MedMNIST files as data_root" in line(open_source, "pneumoniamnist")
    assert "set FASTSSL_CACHE" in line(cache_folder)
    assert "give another" in line(home_folder, "give another")
    np.savez(tmp_path / "mine.npz", train_images=IMAGES)
    assert open_source(tmp_path / "mine.npz").name == "mine"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("~nobody-of-this-name/x", "there is no user 'nobody-of-this-name'"),
        ("", "data is empty"),
        ("  ", "data is empty"),
        ("a\0b", "a path has no null character"),
        ("x" * 5000, "File name too long"),
        (b"quite-other", "no data at 'quite-other'"),
    ],
)
def test_text_that_is_no_path_is_one_line(data, words):
    assert words in line(open_source, data)


def test_what_is_no_file_is_refused_without_being_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.npz"))
    (tmp_path / "loop.npz").symlink_to(tmp_path / "loop.npz")
    assert "pipe.npz is a named pipe; give" in line(open_source, tmp_path / "pipe.npz")
    assert "socket.npz is a socket; give" in line(open_source, tmp_path / "socket.npz")
    assert "/dev/null is a device; give" in line(open_source, "/dev/null")
    assert "levels of symbolic links" in line(open_source, tmp_path / "loop.npz")


def test_kinds_are_told_apart(tmp_path):
    (tmp_path / "file").write_text("")
    assert [kind_of(tmp_path), kind_of(tmp_path / "file")] == ["folder", "file"]
    assert [kind_of(tmp_path / "no"), kind_of(tmp_path / "file" / "no")] == ["", ""]
    assert expanded("a/b", "data") == Path("a/b")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("way", ["inside.npz", "."])
def test_what_a_user_may_not_look_at_is_one_line(tmp_path, way):
    closed = tmp_path / "closed"
    closed.mkdir()
    np.savez(closed / "inside.npz", train_images=IMAGES)
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        folder.chmod(0o755)
    closed.chmod(0)
    os.seteuid(NOBODY)
    try:
        text = line(open_source, closed / way)
    finally:
        os.seteuid(0)
    assert "Permission denied" in text
    assert "change its permissions" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("images.zip", r"is a .zip file; give a .npz file or the folder that holds the images (unpack it first)"),
        ("slice.png", "is a .png file; give a .npz file or the folder"),
        ("data", "is a nameless file"),
    ],
)
def test_files_of_other_kinds_are_refused_with_what_to_do(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"")
    assert words in line(open_source, tmp_path / name)


@pytest.mark.parametrize("setting", ["4095", "9,1", "nan,1", "0,inf", "a,b", "0,1,2", (0, 4095)])
def test_a_range_that_is_none_is_one_line(setting):
    assert "give two numbers LOW,HIGH with LOW below HIGH, full or auto" in line(
        open_source, "demo", value_range=setting
    )

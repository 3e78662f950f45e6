"""The door to image files: content before name, limits, and one line for whatever goes wrong."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.data.reading import IMAGE_SUFFIXES, ImageFileError, read_image_file, read_label_file
from fastssl.data.reading import files as reading_files
from fastssl.errors import DataError

from .headers import header_of

READERS = [read_image_file, header_of, read_label_file]


def refusal(path: Path, *, max_megapixels: int = 1) -> str:
    """The one line with which all three readers refuse a file."""
    lines = set()
    for reader in READERS:
        with pytest.raises(ImageFileError) as caught:
            reader(path, max_megapixels=max_megapixels)
        lines.add(str(caught.value))
    (line,) = lines
    assert "\n" not in line
    return line.removeprefix(f"{path}: ")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP", "PPM", "JPEG2000", "PCX"])
def test_the_content_decides_what_a_file_is_not_its_name(tmp_path, kind):
    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(tmp_path / "a.tga", kind)
    for name in ("a.png", "a.tif", "a.jpg", "a"):
        (tmp_path / "a.tga").replace(tmp_path / name)
        assert np.abs(read_image_file(tmp_path / name, max_megapixels=1).pixels.astype(int) - 200).max() <= 3
        (tmp_path / name).replace(tmp_path / "a.tga")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is empty"),
        (bytes(5000), "nothing but zero bytes"),
        (b"\x5c\x01\0\0" + bytes(340) + b"n+1\0", "its header says 0 voxels"),
        (b"\x1f\x8b\x08\0rest", "a gzip archive"),
        (b"PK\x03\x04rest", "a ZIP archive"),
        (b"\x93NUMPY\x01\0", "a NumPy array"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\n\n<!DOCTYPE html><html>", "a web page"),
        (b"<?xml version='1.0'?><svg/>", "an XML document"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\0\0\0\x20ftypheic", "HEIC"),
        (b"\xff\x0a rest", "JPEG XL"),
        (b"hello, world", "no image of a kind that can be read"),
        (b"\xff\xd8\xff", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"II*\0", "damaged"),
        (b"BM", "damaged"),
        (b"GIF89a", "damaged"),
    ],
)
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_what_is_no_image_is_refused_with_what_it_is(tmp_path, content, what, name):
    (tmp_path / name).write_bytes(content)
    assert what in refusal(tmp_path / name)


def test_text_is_no_tga_picture_for_its_name(tmp_path):
    (tmp_path / "a.tga").write_bytes(b"hello, world, this is text and no picture")
    refusal(tmp_path / "a.tga")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.gif", "a.bmp", "a.webp", "a.pgm", "a.jp2"])
def test_an_image_above_the_limit_is_refused_before_it_is_decoded_and_the_line_says_how_to_allow_it(tmp_path, name):
    Image.new("L", (1500, 1000), 7).save(tmp_path / name)
    line = refusal(tmp_path / name)
    assert line == "1500x1000 pixels, more than 1 megapixels; allow it with --max-megapixels 2"
    assert read_image_file(tmp_path / name, max_megapixels=2).pixels.shape[:2] == (1000, 1500)


def test_the_limit_comes_before_the_pixels(tmp_path):
    Image.new("L", (1500, 1000), 7).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    assert "megapixels" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.gif"])
def test_what_the_limit_allows_pillow_neither_refuses_nor_warns_of(tmp_path, name, monkeypatch):
    Image.new("L", (300, 200), 7).save(tmp_path / name)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # a sixtieth of the image, as 200 megapixels are of Pillow's
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (read_image_file(tmp_path / name, max_megapixels=1).pixels == 7).all()


def test_what_the_operating_system_refuses_is_no_damage(tmp_path):
    for reader in READERS:
        with pytest.raises(DataError, match=r"gone.png cannot be read: No such file") as caught:
            reader(tmp_path / "gone.png", max_megapixels=1)
        assert not isinstance(caught.value, ImageFileError)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_refused_without_waiting(tmp_path, kind):
    path = tmp_path / "a.png"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    assert refusal(path) == "it is no regular file"


def test_too_little_memory_is_one_line_that_may_pass(tmp_path, monkeypatch):
    Image.new("L", (8, 8), 7).save(tmp_path / "a.png")

    def no_memory(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reading_files, "to_pixels", no_memory)
    with pytest.raises(ImageFileError, match="too little memory") as caught:
        read_image_file(tmp_path / "a.png", max_megapixels=1)
    assert caught.value.passing


def test_the_endings_are_in_small_letters_and_there_is_one_for_each_kind():
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)
    wanted = ".jpg .jpeg .jpe .jfif .png .apng .tif .tiff .bmp .dib .webp .gif .jp2 .j2k .jpx .pgm .ppm .pbm .pnm .tga"
    assert set(wanted.split()) <= set(IMAGE_SUFFIXES)

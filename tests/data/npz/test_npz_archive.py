"""Archives of arrays: nothing is loaded before its size is checked, and whatever is wrong is one line."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.npz.archive import open_archive
from fastssl.errors import DataError

GREY = np.random.default_rng(0).integers(0, 256, (10, 28, 28), dtype=np.uint8)


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def header(text: str, version: bytes = b"\x01\x00") -> bytes:
    body = text.encode("latin-1") + b"\n"
    length = struct.pack("<H" if version[0] == 1 else "<I", len(body))
    return b"\x93NUMPY" + version + length + body


def archive(path, *entries: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


def refused(path) -> str:
    with pytest.raises(DataError) as caught:
        open_source(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def described(descr: str, shape: str, fortran: str = "False") -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (described("'|u1'", "(10, 28, 28)") + bytes(10), "7840 bytes, and it holds 10"),
        (described("'|u1'", "(1, 28, 28)") + bytes(7840), "784 bytes, and it holds 7840"),
        (described("'|u1'", "(1000000, 1000000, 1000)"), "bytes, and it holds 0"),
        (described("'|u1'", "(-1, 28, 28)"), r"says shape [-1, 28, 28]"),
        (described("'|u1'", "(10, 28.0, 28)"), "cannot be read"),
        (described("'|u1'", "'a'"), "cannot be read"),
        (described("'|zz'", "(10,)"), "cannot be read"),
        (described("'|O'", "(10, 28, 28)"), "pickled"),
        (described("[('a', '<i4')]", "(10, 28, 28)") + bytes(31360), "save them as uint8"),
        (described("'|u1'", "(1,) * 40"), "cannot be read"),
        (described("'|u1'", str((1,) * 40)) + bytes(1), "cannot be read"),
        (header("{'descr': '|u1'}"), "cannot be read"),
        (header("(" * 5000), "cannot be read"),
        (header("{}", b"\x07\x00"), "has version 7"),
        (b"\x93NUMPY\x01\x00\xff\xffshort", "cannot be read"),
        (b"\x93NUM", "is no NumPy array"),
        (b"text", "is no NumPy array"),
        (b"", "is no NumPy array"),
        (b"\x93NUMPY", "cannot be read"),
    ],
)
def test_an_array_whose_header_is_wrong_is_one_line(tmp_path, content, words):
    assert words in refused(archive(tmp_path / "odd.npz", ("train_images.npy", content)))


def test_a_name_without_its_ending_is_read_and_one_that_is_there_twice_is_not(tmp_path):
    path = archive(tmp_path / "bare.npz", ("train_images", npy(GREY)))
    np.testing.assert_array_equal(open_source(path).splits["train"].images[..., 0], GREY)
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = archive(tmp_path / "twice.npz", ("train_images.npy", npy(GREY)), ("train_images.npy", npy(GREY)))
    assert "holds 2 arrays called train_images" in refused(twice)
    both = archive(tmp_path / "both.npz", ("train_images.npy", npy(GREY)), ("train_images", npy(GREY)))
    assert "holds 2 arrays called train_images" in refused(both)


def test_an_entry_without_a_name_is_passed_over(tmp_path):
    array = np.zeros((4, 8, 8), np.uint8)
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(zipfile.ZipInfo(""), b"nobody's")
        file.writestr("train_images.npy", npy(array))
    with open_archive(path) as opened:
        assert (opened.load(opened.header("train_images")) == array).all()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_compression_is_read(tmp_path, compression):
    path = archive(tmp_path / "a.npz", ("train_images.npy", npy(GREY)), compression=compression)
    np.testing.assert_array_equal(open_source(path).splits["train"].images[..., 0], GREY)


def test_headers_of_python_2_and_of_version_2_are_read(tmp_path):
    for place, start in enumerate((described("'|u1'", "(10L, 28L, 28L)"), None)):
        text = "{'descr': '|u1', 'fortran_order': False, 'shape': (10, 28, 28), }"
        content = (start or header(text, b"\x02\x00")) + GREY.tobytes()
        path = archive(tmp_path / f"{place}.npz", ("train_images.npy", content))
        np.testing.assert_array_equal(open_source(path).splits["train"].images[..., 0], GREY)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(tmp_path):
    """A deflate bomb: 64 GB of zeros would be 64 MB; a directory that says so is enough, for nothing is unpacked."""
    size = 1 << 36
    content = described("'|u1'", f"({size},)")
    path = archive(tmp_path / "bomb.npz", ("x.npy", content + bytes(1)))
    with open_archive(path) as opened:
        opened._entries["x"][0].file_size = size + len(content)
        stored = opened.header("x")
        assert stored.nbytes == size
        with pytest.raises(DataError, match=r"its arrays take 68\.7 GB, and 8\.0 GB of memory are free"):
            opened.check_memory(stored.nbytes, free=8_000_000_000)
        opened.check_memory(stored.nbytes, free=size)


def test_a_declared_size_that_lies_is_one_line(tmp_path):
    """The directory and the header agree on 64 TB; the entry holds nothing of it."""
    path = tmp_path / "lie.npz"
    size = 1 << 46
    content = described("'|u1'", f"({size >> 20}, 1024, 1024)")
    archive(path, ("train_images.npy", content), compression=zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    place = raw.rindex(b"PK\x01\x02")
    raw[place + 24 : place + 28] = struct.pack("<I", 0xFFFFFFFE)
    path.write_bytes(raw)
    assert "is damaged: its header says" in refused(path)


@pytest.mark.parametrize("keep", [0, 1, 30, 200, 0.5, -200, -22, -1])
def test_a_file_that_is_cut_anywhere_is_one_line(tmp_path, keep):
    path = tmp_path / "cut.npz"
    np.savez_compressed(path, train_images=GREY, train_labels=np.arange(10) % 2)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    assert "again" in refused(path)


def outcome(path) -> np.ndarray | str:
    """The training images that are read, or the line with which the file is refused."""
    try:
        return open_source(path).splits["train"].images[..., 0]
    except DataError as error:
        return str(error)


def test_a_byte_that_is_wrong_anywhere_is_one_line_or_changes_nothing_that_is_read(tmp_path):
    path = tmp_path / "flipped.npz"
    np.savez_compressed(path, train_images=GREY[:2, :9, :9], train_labels=np.arange(2))
    content = path.read_bytes()
    lines = 0
    for place in range(0, len(content), 5):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        found = outcome(path)
        if isinstance(found, str):
            lines += 1
            assert "\n" not in found
        else:
            np.testing.assert_array_equal(found, GREY[:2, :9, :9])
    assert lines > 20


def test_an_encrypted_entry_is_one_line(tmp_path):
    path = archive(tmp_path / "locked.npz", ("train_images.npy", npy(GREY)))
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + offset] |= 1
    path.write_bytes(raw)
    assert "encrypted" in refused(path)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04 and no directory", "cut short or damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
        (b"\x93NUMPY\x01\x00", "a .npy file of one array"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"MATLAB 5.0 MAT-file", "a MATLAB file"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"\x80\x04\x95", "a pickle, which is not loaded"),
        (b"\n <!DOCTYPE html><html>", "a web page"),
        (b"something", "of another kind"),
    ],
)
def test_a_file_of_another_kind_is_told_as_such(tmp_path, start, words):
    path = tmp_path / "other.npz"
    path.write_bytes(start)
    assert words in refused(path)

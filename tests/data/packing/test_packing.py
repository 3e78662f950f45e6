"""The cache of decoded folders: decoded once, by one process, whole or not there."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.data import open_source
from fastssl.data.fingerprint import fingerprint
from fastssl.data.headers import read as headers_read
from fastssl.data.packing import PackItem, squares
from fastssl.data.packing.writer import PackWriter
from fastssl.data.reading import in_order, worker_pool
from fastssl.errors import DataError

from .folders import packed_names

OPEN = "import sys; from fastssl.data import open_source; "
MOMENTS = ["decoding 24 images once", "24 images decoded"]
"""What is told before the first image is decoded, and after the last one is written, before the pack has its name."""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPEN + code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def packs(cache: Path) -> list[str]:
    """Everything in the cache but the empty lock files."""
    folder = cache / "packed"
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"] if folder.exists() else []


def when(line: str, act: Callable[[], object]) -> Callable[[str], None]:
    """What to pass as `notify` to act at the moment at which such a line is told."""
    return lambda told: act() if line in told else None


def same_size_and_time(path: Path, content: bytes) -> None:
    """Replace a file by one of the same size and modification time."""
    stat = path.stat()
    assert len(content) == stat.st_size
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(content)
    os.utime(fresh, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    fresh.replace(path)


def test_a_folder_is_decoded_once(classes, cache, told):
    first = open_source(classes, size=24)
    array = next(cache.glob("packed/*/images.raw"))
    written = array.stat().st_mtime_ns
    second = open_source(classes, size=24, notify=told.append)
    assert not any("decod" in line for line in told)
    assert array.stat().st_mtime_ns == written
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(second.splits["train"].images, first.splits["train"].images)
    assert len(packs(cache)) == 1


def test_images_are_memory_mapped_and_read_only(classes):
    images = open_source(classes, size=24).splits["train"].images
    assert isinstance(images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


@pytest.mark.parametrize("change", ["add", "remove", "rewrite", "size"])
def test_any_change_of_the_files_or_the_size_is_decoded_anew(classes, cache, save, change):
    before = open_source(classes, size=24)
    if change == "add":
        save(classes / "benign" / "new.png", seed=999)
    elif change == "remove":
        (classes / "benign" / "003.png").unlink()
    elif change == "rewrite":
        save(classes / "benign" / "003.png", seed=999)
    after = open_source(classes, size=20 if change == "size" else 24)
    assert after.fingerprint != before.fingerprint
    assert len(packs(cache)) == 2


@pytest.fixture
def bitmaps(tmp_path: Path) -> list[Path]:
    """Three images of one size in bytes and one date, of 16, 128 and 240."""
    paths = [tmp_path / "bitmaps" / f"{index}.bmp" for index in range(3)]
    for path, value in zip(paths, (b"\x10", b"\x80", b"\xf0"), strict=True):
        path.parent.mkdir(exist_ok=True)
        Image.frombytes("L", (8, 8), value * 64).save(path)
        os.utime(path, (1, 1))
    return paths


def greys(paths: list[Path]) -> list[int]:
    """The grey of each image, by the pack."""
    return packed_names(paths[0].parent, [path.name for path in paths], 8).images[:, 0, 0, 0].tolist()


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_decoded_anew(bitmaps):
    assert greys(bitmaps) == [16, 128, 240]
    same_size_and_time(bitmaps[0], bitmaps[1].read_bytes())
    assert greys(bitmaps) == [128, 128, 240]


def test_a_file_rewritten_in_place_with_the_same_size_and_time_is_decoded_anew(bitmaps):
    assert greys(bitmaps) == [16, 128, 240]
    stat = bitmaps[0].stat()
    bitmaps[0].write_bytes(bitmaps[2].read_bytes())
    os.utime(bitmaps[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert greys(bitmaps) == [240, 128, 240]


def test_two_files_that_changed_names_are_decoded_anew(bitmaps):
    assert greys(bitmaps) == [16, 128, 240]
    first, second, _ = bitmaps
    aside = first.with_suffix(".aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    assert greys(bitmaps) == [128, 16, 240]


def test_a_link_that_points_elsewhere_is_decoded_anew(bitmaps, tmp_path):
    link = tmp_path / "links" / "a.bmp"
    link.parent.mkdir()
    for target in (bitmaps[0], bitmaps[1]):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert greys([link]) == [{bitmaps[0]: 16, bitmaps[1]: 128}[target]]


def test_two_folders_with_the_same_names_sizes_and_times_are_kept_apart(tmp_path):
    for folder, value in (("one", b"\x10"), ("two", b"\x80")):
        for index in range(3):
            path = tmp_path / folder / f"{index}.bmp"
            path.parent.mkdir(exist_ok=True)
            Image.frombytes("L", (8, 8), value * 64).save(path)
            os.utime(path, (1, 1))
    assert open_source(tmp_path / "one", size=8).fingerprint != open_source(tmp_path / "two", size=8).fingerprint


def test_two_processes_that_want_the_same_pack_decode_it_once(tmp_path, cache, save):
    root = tmp_path / "many"
    for index in range(60):
        save(root / f"{index}.jpg", "RGB", size=(400, 300), seed=index)
    code = "print(open_source(sys.argv[1], size=96, notify=print).fingerprint)"
    both = [start(code, root) for _ in range(2)]
    lines = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert lines[0][-1] == lines[1][-1]
    assert sum("images decoded in" in line for own in lines for line in own) == 1
    assert len(packs(cache)) == 1


def test_without_locks_the_second_process_takes_the_pack_of_the_first(classes, cache, monkeypatch):
    monkeypatch.setattr("fastssl.locks.fcntl", None)

    def publish_first() -> None:
        (part,) = cache.glob("packed/.*.part")
        shutil.copytree(part, part.with_name(part.name[1:].split(f".{os.getpid()}.")[0]))

    source = open_source(classes, size=24, notify=when("24 images decoded", publish_first))
    assert len(source.splits["train"]) > 0
    assert len(packs(cache)) == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_process_leaves_no_pack_and_its_remains_are_cleared_away(classes, cache, moment):
    code = (
        "import os, signal\n"
        "def die(line):\n"
        "    if sys.argv[2] in line: os.kill(os.getpid(), signal.SIGKILL)\n"
        "open_source(sys.argv[1], size=24, notify=die)"
    )
    killed = start(code, classes, moment)
    assert killed.wait(timeout=60) == -signal.SIGKILL
    assert [name.endswith(".part") for name in packs(cache)] == [True]
    assert len(open_source(classes, size=24).splits) == 3
    assert [name.endswith(".part") for name in packs(cache)] == [False]


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interruption_before_the_first_image_leaves_nothing(classes, cache):
    with pytest.raises(KeyboardInterrupt):
        open_source(classes, size=24, notify=when(MOMENTS[0], interrupt))
    assert packs(cache) == []


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were decoded, one after the other, by one thread."""
    names: list[str] = []
    real = squares.read_squares

    def counted(root: Path, item: PackItem, *rest: object) -> object:
        names.append(item.path)
        return real(root, item, *rest)

    monkeypatch.setattr(squares, "read_squares", counted)
    monkeypatch.setattr(in_order, "workers", lambda: 1)
    monkeypatch.setattr(worker_pool, "workers", lambda: 1)
    return names


def test_an_interrupted_decoding_goes_on_without_decoding_twice(classes, cache, decoded, monkeypatch):
    whole = fingerprint(open_source(classes, size=24).splits)
    shutil.rmtree(cache)
    decoded.clear()
    add, added = PackWriter.add, []

    def add_until(writer: PackWriter, path: str, *rest: object) -> None:
        if len(added) == 10:
            raise KeyboardInterrupt
        add(writer, path, *rest)
        added.append(path)

    monkeypatch.setattr(PackWriter, "add", add_until)
    with pytest.raises(KeyboardInterrupt):
        open_source(classes, size=24)
    assert [name.endswith(".part") for name in packs(cache)] == [True]
    monkeypatch.setattr(PackWriter, "add", add)
    decoded.clear()
    told: list[str] = []
    assert fingerprint(open_source(classes, size=24, notify=told.append).splits) == whole
    assert len(decoded) == 14
    assert not set(decoded) & set(added)
    assert any("10 are there from an interrupted call" in line for line in told)
    assert len(packs(cache)) == 1


def test_what_was_half_written_when_a_process_was_killed_is_cut_off(classes, cache, decoded):
    whole = fingerprint(open_source(classes, size=24).splits)
    (folder,) = cache.glob("packed/two_classes-*")
    part = folder.with_name(f".{folder.name}.part")
    folder.rename(part)
    (part / "pack.json").unlink()
    lines = (part / "rows.jsonl").read_text().splitlines(keepends=True)
    (part / "rows.jsonl").write_text("".join(lines[:5]) + lines[5][:-9])
    with (part / "images.raw").open("ab") as images:
        images.write(b"half a square")
    decoded.clear()
    assert fingerprint(open_source(classes, size=24).splits) == whole
    assert len(decoded) == 24 - 5


def test_files_that_an_earlier_pack_has_are_copied(classes, cache, decoded, save):
    open_source(classes, size=24)
    decoded.clear()
    save(classes / "benign" / "new.png", seed=999)
    (classes / "benign" / "003.png").unlink()
    told: list[str] = []
    after = open_source(classes, size=24, notify=told.append)
    assert decoded == ["benign/new.png"]
    assert any("23 are copied from an earlier cache" in line for line in told)
    shutil.rmtree(cache)
    assert fingerprint(open_source(classes, size=24).splits) == after.fingerprint


def test_an_earlier_pack_of_another_form_is_not_copied(tmp_path, decoded, save):
    root = tmp_path / "set"
    for index in range(3):
        save(root / f"{index}.png", seed=index)
    grey = open_source(root, size=8).splits["train"].images[...]
    save(root / "colour.png", "RGB", seed=9)
    decoded.clear()
    both = open_source(root, size=8).splits["train"].images
    assert len(decoded) == 4
    np.testing.assert_array_equal(both[:3], np.repeat(grey, 3, axis=3))


def test_headers_are_read_once(classes, cache, monkeypatch, save):
    seen: list[str] = []
    real = headers_read.read_image_header

    def counted(path: Path, options: object) -> object:
        seen.append(path.name)
        return real(path, options)

    monkeypatch.setattr(headers_read, "read_image_header", counted)
    open_source(classes, size=24)
    open_source(classes, size=20)
    assert len(seen) == 24
    save(classes / "benign" / "new.png", seed=999)
    open_source(classes, size=24)
    assert seen[24:] == ["new.png"]


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """The operating system refuses to write more bytes than that into a file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_refused_for_a_full_disk(classes: Path, cache: Path) -> None:
    with pytest.raises(DataError, match="the disk is full; free some room") as caught:
        open_source(classes, size=24)
    assert "\n" not in str(caught.value)
    assert str(cache) in str(caught.value)
    assert packs(cache) == []


def test_a_disk_that_fills_up_while_writing_is_told_and_nothing_is_left(classes, cache):
    with no_file_larger_than(1000):  # images.raw would have 24 * 24 * 24 bytes
        assert_refused_for_a_full_disk(classes, cache)


def test_a_disk_that_fills_up_while_syncing_is_told_and_nothing_is_left(classes, cache, monkeypatch):
    def full_disk(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_disk)
    assert_refused_for_a_full_disk(classes, cache)


def test_a_disk_with_too_little_room_is_refused_before_decoding(classes, cache, told):
    with pytest.raises(DataError, match=r"GB free of the 24000000000\.00 GB needed; free some room"):
        open_source(classes, size=10**9, notify=told.append)
    assert not any("decoding" in line for line in told)
    assert packs(cache) == []


def test_a_cache_that_cannot_be_made_is_told(classes, tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("FASTSSL_CACHE", str(tmp_path / "a file"))
    with pytest.raises(DataError, match=r"cannot write in .*a file.*set FASTSSL_CACHE"):
        open_source(classes, size=24)


def test_a_pack_that_was_cut_short_is_made_anew(classes, cache):
    before = open_source(classes, size=24).fingerprint
    raw = next(cache.glob("packed/*/images.raw"))
    raw.write_bytes(raw.read_bytes()[:-1])
    after = open_source(classes, size=24)
    assert raw.stat().st_size == 24 * 24 * 24
    assert after.fingerprint == fingerprint(after.splits) == before


def test_a_file_that_the_system_refuses_stops_the_decoding_and_is_not_remembered(classes, cache):
    remove = when("decoding 24 images", (classes / "benign" / "005.png").unlink)
    with pytest.raises(DataError, match=r"005\.png cannot be read: No such file or directory; restore it or remove it"):
        open_source(classes, size=24, skip_corrupt=True, notify=remove)
    assert not any("005.png" in path.read_text() for path in cache.glob("packed/.*.part/rows.jsonl"))

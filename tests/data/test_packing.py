"""The cache of decoded folders: decoded once, by one process, whole or not there."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fastssl.data import open_source, packing
from fastssl.data.fingerprint import fingerprint
from fastssl.errors import DataError

OPEN = "import sys; from fastssl.data import open_source; "


def start(code: str, *arguments: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPEN + code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def packs(cache: Path) -> list[str]:
    """Everything in the cache but the empty lock files."""
    folder = cache / "packed"
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"] if folder.exists() else []


def test_a_folder_is_decoded_once(classes, cache, monkeypatch):
    first = open_source(classes, size=24)
    monkeypatch.setattr(packing, "read_header", None)
    monkeypatch.setattr(packing, "read_image", None)
    second = open_source(classes, size=24)
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
    monkeypatch.setattr("fastssl.data.storage.fcntl", None)
    publish = packing._publish

    def publish_second(part: Path, folder: Path) -> None:
        shutil.copytree(part, folder)
        publish(part, folder)

    monkeypatch.setattr(packing, "_publish", publish_second)
    assert len(open_source(classes, size=24).splits["train"]) > 0
    assert len(packs(cache)) == 1


def test_a_killed_process_leaves_no_pack_and_its_remains_are_cleared_away(classes, cache):
    code = (
        "import os, signal; from fastssl.data import packing; read = packing.read_image\n"
        "def die(path, *rest):\n"
        "    if path.name == '005.png': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return read(path, *rest)\n"
        "packing.read_image = die; open_source(sys.argv[1], size=24)"
    )
    killed = start(code, classes)
    assert killed.wait(timeout=60) == -signal.SIGKILL
    assert [name.endswith(".part") for name in packs(cache)] == [True]
    assert len(open_source(classes, size=24).splits) == 3
    assert [name.endswith(".part") for name in packs(cache)] == [False]


def test_an_interruption_leaves_nothing(classes, cache, monkeypatch):
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(packing, "read_image", interrupt)
    with pytest.raises(KeyboardInterrupt):
        open_source(classes, size=24)
    assert packs(cache) == []


def full_disk(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def assert_refused_for_a_full_disk(classes: Path, cache: Path) -> None:
    with pytest.raises(DataError, match="the disk is full; free some room") as caught:
        open_source(classes, size=24)
    assert "\n" not in str(caught.value)
    assert str(cache) in str(caught.value)
    assert packs(cache) == []


def test_a_disk_that_fills_up_while_writing_is_told_and_nothing_is_left(classes, cache, monkeypatch):
    opened = Path.open

    def open_on_full_disk(path: Path, mode: str = "r", *rest: object, **options: object):
        file = opened(path, mode, *rest, **options)
        if path.name != "images.raw":
            return file

        class Full:
            def __enter__(self):
                return self

            def __exit__(self, *raised: object):
                file.close()

            write = staticmethod(full_disk)

        return Full()

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    assert_refused_for_a_full_disk(classes, cache)


def test_a_disk_that_fills_up_while_syncing_is_told_and_nothing_is_left(classes, cache, monkeypatch):
    monkeypatch.setattr(packing.os, "fsync", full_disk)
    assert_refused_for_a_full_disk(classes, cache)


def test_a_disk_with_too_little_room_is_refused_before_decoding(classes, cache, monkeypatch):
    monkeypatch.setattr(packing.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100))
    monkeypatch.setattr(packing, "read_image", None)
    with pytest.raises(DataError, match=r"0\.00 GB free of the 0\.01 GB needed"):
        open_source(classes, size=500)
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


def test_a_file_that_may_not_be_read_stops_the_packing_and_is_not_remembered(classes, cache, monkeypatch):
    def deny(path: Path, *rest: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(packing, "read_image", deny)
    with pytest.raises(DataError, match=r"\.png cannot be read: Permission denied; restore it or remove it"):
        open_source(classes, size=24, skip_corrupt=True)
    assert packs(cache) == []

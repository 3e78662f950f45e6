"""The cache of decoded folders: each is decoded once, into one memory-mapped array.

Covers: the cache on disk, its place, key, lock and atomic appearance. Does not cover: which files and classes there are
(`layout.py`), reading the files (`decode_files.py`).

A pack is the folder `<cache>/packed/<name>-<key>/` with `images.raw` (C order, no header) and `pack.json`. It is
written under a hidden name, synced, and renamed: what has the final name is complete. Its key covers the folder's path,
every file's name, size and modification time, and the settings. Packs may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.errors import DataError

from .decode import Header, read_header, read_image
from .decode_files import common_form, read_in_order, refused_file
from .progress import progress
from .resize import workers
from .storage import cache_folder, locked, writing

FORMAT = 1
REMEDY = "free some room, choose a smaller size, or set FASTSSL_CACHE to another folder"

Notify = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Pack:
    """The decoded images of a folder.

    Args:
        folder: of the pack, in the cache.
        images: `[N, S, S, C]` uint8 or uint16, a read-only memory map, in the order of the files that were asked for,
            without the unreadable ones.
        unreadable: relative path of each damaged image -> reason.
    """

    folder: Path
    images: np.ndarray
    unreadable: dict[str, str]


def packed(root: Path, files: Sequence[str], size: int, notify: Notify | None = None) -> Pack:
    """Open the pack of a folder's images; they are decoded unless the cache has them.

    Other processes that want the same pack wait for it; an interruption leaves nothing. A pack with damaged files is
    kept like any other, so that going on without them needs no second decoding.

    Args:
        root: the folder.
        files: paths of the images, relative to `root`.
        size: side that they are resized to, in pixels.
        notify: called with one line of text whenever there is something to tell; None keeps quiet.

    Returns:
        The pack.

    Raises:
        DataError: no file can be read, or the cache cannot be written; no pack is left then.
    """
    name = re.sub(r"[^\w.-]+", "_", root.resolve().name)[:40] or "images"
    key = _key(root, files, size)
    cache = cache_folder() / "packed"
    folder = cache / f"{name}-{key}"
    if (pack := _load(folder)) is not None:
        return pack
    with writing(cache, REMEDY):
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / f".{folder.name}.lock", notify) as alone:
            if (pack := _load(folder)) is not None:
                return pack
            if alone:
                for leftover in cache.glob(f".{folder.name}.*.part"):
                    shutil.rmtree(leftover)
                shutil.rmtree(folder, ignore_errors=True)
            part = cache / f".{folder.name}.{os.getpid()}.part"
            try:
                part.mkdir()
                _write(part, root, files, size, notify)
                _publish(part, folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    pack = _load(folder)
    if pack is None:
        raise DataError(f"{folder} was removed while it was being opened; try again")
    return pack


def _key(root: Path, files: Sequence[str], size: int) -> str:
    digest = hashlib.blake2b(digest_size=10)
    digest.update(json.dumps([FORMAT, str(root.resolve()), size]).encode())
    for path in files:
        try:
            stat = (root / path).stat()
        except OSError as error:
            raise refused_file(error) from error
        digest.update(json.dumps([path, stat.st_size, stat.st_mtime_ns]).encode())
    return digest.hexdigest()


def _load(folder: Path) -> Pack | None:
    """Map a pack; None where there is none, or where it was damaged after it was written."""
    try:
        about = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
        images = np.memmap(folder / "images.raw", np.dtype(about["dtype"]), "r", shape=tuple(about["shape"]))
    except (OSError, ValueError, KeyError):
        return None
    return Pack(folder=folder, images=images, unreadable=about["unreadable"])


def _write(part: Path, root: Path, files: Sequence[str], size: int, notify: Notify | None) -> None:
    """Decode `files` into `part`."""
    started = time.monotonic()
    with ThreadPoolExecutor(workers()) as pool:
        headers = list(read_in_order(pool, lambda path: read_header(root / path), files))
        readable = [header for header in headers if isinstance(header, Header)]
        if not readable:
            raise DataError(f"none of the {len(files)} images in {root} can be read: {files[0]}: {headers[0]}")
        form = common_form(root, readable, size, notify)
        unreadable = {path: got for path, got in zip(files, headers, strict=True) if isinstance(got, str)}
        bytes_needed = len(readable) * size * size * form.channels * form.dtype.itemsize
        _check_room(part, bytes_needed)
        if notify:
            notify(
                f"{root}: decoding {len(files)} images once to {size} px ({bytes_needed / 1e9:.2f} GB in {part.parent})"
            )
        left = [path for path in files if path not in unreadable]
        decoded = read_in_order(pool, lambda path: read_image(root / path, size, form.channels, form.dtype), left)
        unreadable |= _write_images(part / "images.raw", left, decoded, notify)
    count = len(files) - len(unreadable)
    if not count:
        raise DataError(f"none of the {len(files)} images in {root} can be read: {files[0]}: {unreadable[files[0]]}")
    about = {"shape": [count, size, size, form.channels], "dtype": form.dtype.str, "unreadable": unreadable}
    (part / "pack.json").write_text(json.dumps(about), encoding="utf-8")
    if notify:
        notify(f"{root}: {count} images decoded in {time.monotonic() - started:.1f} s")


def _write_images(
    raw: Path, files: Sequence[str], decoded: Iterable[np.ndarray | str], notify: Notify | None
) -> dict[str, str]:
    """Write the pixels of the files that could be decoded; of the others, return why not."""
    unreadable = {}
    with raw.open("wb") as out, progress("decoding", len(files), notify) as advance:
        for path, pixels in zip(files, decoded, strict=True):
            if isinstance(pixels, str):
                unreadable[path] = pixels
            else:
                out.write(pixels.tobytes())
            advance(1)
        out.flush()
        os.fsync(out.fileno())
    return unreadable


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(f"{folder.parent} has {free / 1e9:.2f} GB free of the {needed / 1e9:.2f} GB needed; {REMEDY}")


def _publish(part: Path, folder: Path) -> None:
    """Give a finished pack its name, unless another process was first."""
    try:
        part.rename(folder)
    except OSError:
        if _load(folder) is None:
            raise

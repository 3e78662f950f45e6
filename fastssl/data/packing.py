"""Decoding a folder of images once, into one memory-mapped array.

Covers: the cache on disk (its place, key, lock and atomic appearance), and unreadable files. Does not cover: which
files and classes there are (`layout.py`), nor how one is read (`decode.py`).

A pack is the folder `<cache>/packed/<name>-<key>/` with `images.raw` (C order, no header) and `pack.json`. It is
written under a hidden name, synced, and renamed: whatever bears the final name is whole. Its key covers the folder's
path, every file's name, size and modification time, and the settings. Packs may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from fastssl.errors import DataError

from .decode import Header, read_header, read_image
from .progress import progress
from .resize import workers
from .storage import cache_folder, locked, writing

FORMAT = 1
REMEDY = "free some room, choose a smaller size, or set FASTSSL_CACHE to another folder"

Notify = Callable[[str], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Pack:
    """Decoded images and what became of each file.

    images: `[N, S, S, C]` read-only memory map, in the order of the files asked for, less the unreadable ones.
    unreadable: relative path of each damaged image -> reason.
    """

    folder: Path
    images: np.ndarray
    unreadable: dict[str, str]


def packed(root: Path, files: Sequence[str], size: int, notify: Notify | None = None) -> Pack:
    """Return the pack of `files` (paths relative to `root`) at `size` px, decoding them unless the cache has it.

    Safe against other processes that want the same pack (they wait) and against interruption. A pack with damaged
    files is kept like any other, so that going on without them needs no second decoding.

    Raises DataError, one line, if no file can be read or the cache cannot be written; nothing is left behind then.
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
            raise _refused(error) from error
        digest.update(json.dumps([path, stat.st_size, stat.st_mtime_ns]).encode())
    return digest.hexdigest()


def _load(folder: Path) -> Pack | None:
    """Map a pack; None where there is none, or where it was damaged after it was written."""
    try:
        about = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
        images = np.memmap(folder / "images.raw", np.dtype(about["dtype"]), "r", shape=tuple(about["shape"]))
    except (OSError, ValueError, KeyError):
        return None
    return Pack(folder, images, about["unreadable"])


def _write(part: Path, root: Path, files: Sequence[str], size: int, notify: Notify | None) -> None:
    """Decode `files` into `part`."""
    started = time.monotonic()
    with ThreadPoolExecutor(workers()) as pool:
        headers = list(_in_order(pool, lambda path: read_header(root / path), files))
        readable = [header for header in headers if isinstance(header, Header)]
        if not readable:
            raise DataError(f"none of the {len(files)} images in {root} can be read: {files[0]}: {headers[0]}")
        channels, dtype = _common_form(root, readable, size, notify)
        unreadable = {path: got for path, got in zip(files, headers, strict=True) if isinstance(got, str)}
        bytes_needed = len(readable) * size * size * channels * dtype.itemsize
        _check_room(part, bytes_needed)
        if notify:
            notify(
                f"{root}: decoding {len(files)} images once to {size} px ({bytes_needed / 1e9:.2f} GB in {part.parent})"
            )
        left = [path for path in files if path not in unreadable]
        count = 0
        with (part / "images.raw").open("wb") as out, progress("decoding", len(left), notify) as advance:
            decoded = _in_order(pool, lambda path: read_image(root / path, size, channels, dtype), left)
            for path, pixels in zip(left, decoded, strict=True):
                if isinstance(pixels, str):
                    unreadable[path] = pixels
                else:
                    out.write(pixels.tobytes())
                    count += 1
                advance(1)
            out.flush()
            os.fsync(out.fileno())
    if not count:
        raise DataError(f"none of the {len(files)} images in {root} can be read: {files[0]}: {unreadable[files[0]]}")
    about = {"shape": [count, size, size, channels], "dtype": dtype.str, "unreadable": unreadable}
    (part / "pack.json").write_text(json.dumps(about), encoding="utf-8")
    if notify:
        notify(f"{root}: {count} images decoded in {time.monotonic() - started:.1f} s")


def _in_order(pool: ThreadPoolExecutor, read: Callable[[str], Result], files: Sequence[str]) -> Iterator[Result | str]:
    """Yield `read(path)` for each file in order, or what is wrong with its content; few results are held at once."""

    def attempt(path: str) -> Result | str:
        try:
            return read(path)
        except MemoryError:
            raise
        except Exception as error:  # damaged files make Pillow's plugins raise nearly anything
            if isinstance(error, OSError) and error.errno is not None:
                raise _refused(error) from error
            return " ".join(str(error).split()) or type(error).__name__

    ahead: deque[Future[Result | str]] = deque()
    for path in files:
        ahead.append(pool.submit(attempt, path))
        if len(ahead) > 4 * workers():
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def _refused(error: OSError) -> DataError:
    """The system would not give a file: unlike damage, that may pass, so it must not be remembered in a pack."""
    return DataError(f"{error.filename or 'an image'} cannot be read: {error.strerror}; restore it or remove it")


def _common_form(root: Path, headers: list[Header], size: int, notify: Notify | None) -> tuple[int, np.dtype]:
    """The channels and dtype that hold every image; says so where some must change to fit."""
    tell = notify or (lambda line: None)
    total = len(headers)
    grey = sum(header.grey for header in headers)
    wide = sum(header.wide for header in headers)
    narrowed = sum(header.narrowed for header in headers)
    bilevel = sum(header.bilevel for header in headers)
    paged = sum(header.pages > 1 for header in headers)
    if 0 < grey < total:
        tell(f"{root}: {grey} of {total} images are grey and the rest colour; all are stored as RGB")
    if 0 < wide < total:
        tell(f"{root}: {wide} of {total} images have 16 bits; the others' 8-bit values are multiplied by 257")
    if narrowed:
        tell(f"{root}: {narrowed} of {total} images are 16-bit colour, which is read as 8-bit")
    if 0 < bilevel < total:
        tell(f"{root}: {bilevel} of {total} images are black and white only; if they are masks, move them elsewhere")
    if paged:
        tell(f"{root}: {paged} of {total} images have several pages; the first is taken")
    short_side = int(np.median([min(header.width, header.height) for header in headers]))
    if short_side < size:
        tell(f"{root}: images are enlarged to {size} px (median short side {short_side}); a smaller size is faster")
    return (1 if grey == total else 3), np.dtype("<u2" if wide else "u1")


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

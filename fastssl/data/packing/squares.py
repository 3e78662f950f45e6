"""Decoding the images of a folder into a pack.

Covers: which files are decoded, copied from an earlier pack, or there already; what is noted on the way. Does not
cover: the pack's folder (`stored.py`), its files (`writer.py`), reading one file (`decode.py`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from fastssl.data.headers import FileHeaders
from fastssl.data.progress import progress
from fastssl.data.reading import ReadingOptions
from fastssl.data.reading.in_order import read_in_order
from fastssl.data.reading.worker_pool import worker_pool
from fastssl.errors import DataError

from .decode import PackItem, Square, read_squares
from .earlier import EarlierPacks
from .form import ImageForm, common_form, describe_headers
from .groups import describe_empty, describe_notes
from .rows import FileRows
from .stored import PACK_FILE, Notify, check_room, earlier_packs
from .writer import PackWriter, pack_writer

_MOST_AHEAD = 1 << 29
"""Bytes of squares that may be decoded ahead of the one that is written."""


def write_squares(
    part: Path,
    folder: Path,
    root: Path,
    items: Sequence[PackItem],
    headers: FileHeaders,
    size: int,
    options: ReadingOptions,
    notify: Notify | None,
) -> None:
    """Decode files into the folder of a pack, going on where an interrupted process stopped.

    Args:
        part: the folder to write in.
        folder: what the pack will be called.
        root: the folder of the images.
        items: the files, in the order of the pack.
        headers: of all files.
        size: side that they are resized to, in pixels.
        options: how files are read.
        notify: called with one line of text about the progress; None keeps quiet.

    Raises:
        DataError: no file can be read, they are of kinds that no type holds, or there is too little room.
        OSError: the folder cannot be written.
    """
    started = time.monotonic()
    own = {item.path: headers.known[item.path] for item in items if item.path in headers.known}
    _check_any(root, items, headers.unreadable)
    form = common_form({str(root / path): header for path, header in own.items()}, neighbours=options.neighbours)
    keys = item_keys(items, headers.keys)
    with pack_writer(part, size, form, [(item.path, keys[item]) for item in items]) as out:
        there = len(out.rows)
        needed = sum(own[item.path].frames for item in items[there:] if item.path in own) * form.bytes_of(size)
        check_room(part, needed)
        earlier = EarlierPacks(earlier_packs(folder), size, form)
        if notify:
            notify(_beginning(root, items, there, sum(keys[item] in earlier for item in items[there:]), size, needed))
        _decode(out, root, items[there:], keys, headers, earlier, size, options, notify)
        out.sync()
        rows = out.rows
    _finish(part, root, items, rows, headers, form, size)
    if notify:
        images = sum(len(one.frames) for one in rows)
        notify(f"{root}: {images} images decoded in {time.monotonic() - started:.1f} s")


def item_keys(items: Sequence[PackItem], keys: Mapping[str, str]) -> dict[PackItem, str]:
    """Say of each file, and of the neighbours that are channels of it, which files they are.

    Args:
        items: the files.
        keys: path -> key of a file.

    Returns:
        File -> key.
    """
    return {item: "+".join(keys[path] for path in (item.path, item.before, item.after) if path) for item in items}


def _beginning(root: Path, items: Sequence[PackItem], there: int, copied: int, size: int, needed: int) -> str:
    line = f"{root}: decoding {len(items)} images once to {size} px ({needed / 1e9:.2f} GB)"
    known = [f"{there} are there from an interrupted call"] * bool(there)
    known += [f"{copied} are copied from an earlier cache of this folder"] * bool(copied)
    return "; ".join((line, *known))


def _decode(
    out: PackWriter,
    root: Path,
    items: Sequence[PackItem],
    keys: Mapping[PackItem, str],
    headers: FileHeaders,
    earlier: EarlierPacks,
    size: int,
    options: ReadingOptions,
    notify: Notify | None,
) -> None:
    """Append the files to a pack."""
    readable = [item for item in items if item.path in headers.known]
    decoded = [item for item in readable if keys[item] not in earlier]
    weights = [headers.known[item.path].frames for item in decoded]
    most = max(1, _MOST_AHEAD // (size * size * 6))  # as if of three channels of 16 bits
    with (
        worker_pool([item.path for item in decoded]) as pool,
        progress("decoding", len(items), notify) as advance,
    ):
        found = read_in_order(pool, partial(_squares_of, root, size, options), decoded, weights=weights, most=most)
        for item in items:
            if item.path in headers.unreadable:
                got: list[Square] | str = headers.unreadable[item.path]
            else:
                got = earlier.squares_of(keys[item]) if keys[item] in earlier else next(found)
            if not isinstance(got, str) and not all(out.form.holds(square.pixels) for square in got):
                got = "its images are of another kind than its header says"
            out.add(item.path, keys[item], got)
            advance(1)


def _squares_of(root: Path, size: int, options: ReadingOptions, item: PackItem) -> list[Square]:
    return read_squares(root, item, size, options)


def _finish(
    part: Path,
    root: Path,
    items: Sequence[PackItem],
    rows: Sequence[FileRows],
    headers: FileHeaders,
    form: ImageForm,
    size: int,
) -> None:
    """Write what says that a pack is whole."""
    _check_any(root, items, {own.path: own.unreadable for own in rows if own.unreadable})
    count = sum(len(own.frames) for own in rows)
    if not count:
        raise DataError(f"{root}: every image is empty; there is nothing to learn from")
    readable = [headers.known[own.path] for own in rows if not own.unreadable]
    about = {
        "shape": [count, size, size, form.channels],
        "dtype": form.dtype.str,
        "files": len(rows),
        "notes": [*describe_headers(readable, size), *describe_empty(rows, readable), *describe_notes(rows)],
    }
    (part / PACK_FILE).write_text(json.dumps(about), encoding="utf-8")


def _check_any(root: Path, items: Sequence[PackItem], unreadable: Mapping[str, str]) -> None:
    bad = [item.path for item in items if item.path in unreadable]
    if len(bad) == len(items):
        raise DataError(f"none of the {len(items)} images in {root} can be read: {bad[0]}: {unreadable[bad[0]]}")

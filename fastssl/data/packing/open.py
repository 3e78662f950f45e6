"""Opening the pack of a folder.

Covers: the pack of a folder's images as a user of it sees it, its place and its key. Does not cover: which files and
classes there are (`layout`), the pack's folder (`stored.py`), decoding (`squares.py`), grey levels
(`levels.py`).

A pack is the folder `<cache>/packed/<name>-<key>/` with `images.raw` (C order, no header: the squares in the values of
their files), `groups.raw` (a byte for each image: the index of its group) and `pack.json`. It is written under a hidden
name, synced, and renamed: what has the final name is complete. Its key covers the folder's path, the settings, and
every file's name, size, times and inode: a file that was replaced by another of the same size and date, or renamed to
another's name, is another file. Packs may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.private_folder import make_files_private
from fastssl.data.reading import refused_file
from fastssl.data.storage import cache_folder
from fastssl.data.values.range_words import describe_depth, describe_range
from fastssl.data.values.value_range import check_one_kind, levels_dtype, ranged_span, resolve_range
from fastssl.data.values.value_span import describe_marks
from fastssl.errors import DataError

from .groups import counted, describe_narrow
from .levels import open_levels
from .squares import write_squares
from .stored import Notify, StoredPack, load_pack, publish, writing_alone

FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class Pack:
    """The decoded images of a folder.

    Args:
        folder: of the pack, in the cache.
        array: the file that `images` maps; another one for another range of values.
        images: `[N, S, S, C]` uint8 or uint16 whole grey levels, a read-only memory map, in the order of the files that
            were asked for, without the unreadable ones.
        unreadable: relative path of each damaged image -> reason.
        value_range: the values of black and white, "LOW,HIGH"; None: 8-bit images as they are.
        range_note: the same for a person, and how it was found.
        depth: bits of the files' values, for a person.
        outside: share of the values that lie outside of a given range and were clipped.
        notes: what was changed, left out or taken for something, a line each.
    """

    folder: Path
    array: Path
    images: np.ndarray
    unreadable: dict[str, str]
    value_range: str | None
    range_note: str
    depth: str
    outside: float
    notes: tuple[str, ...]


def packed(
    root: Path,
    files: Sequence[str],
    size: int,
    notify: Notify | None = None,
    *,
    value_range: str | None = None,
    max_megapixels: int = 200,
) -> Pack:
    """Open the pack of a folder's images; they are decoded unless the cache has them.

    Other processes that want the same pack wait for it; an interruption leaves nothing. A pack with damaged files is
    kept like any other, so that going on without them needs no second decoding.

    Args:
        root: the folder.
        files: paths of the images, relative to `root`.
        size: side that they are resized to, in pixels.
        notify: called with one line of text about the progress; None keeps quiet.
        value_range: the values of black and white: "LOW,HIGH", "full", or None to find them in the images.
        max_megapixels: larger images count as unreadable.

    Returns:
        The pack.

    Raises:
        DataError: no file can be read, no range fits all of them, or the cache cannot be written; no pack is left then.
    """
    name = re.sub(r"[^\w.-]+", "_", root.resolve().name)[:40] or "images"
    cache = cache_folder() / "packed"
    folder = cache / f"{name}-{_key(root, files, size, max_megapixels)}"
    stored = load_pack(folder)
    if stored is None:
        with writing_alone(folder, notify) as part:
            if load_pack(folder) is None:
                write_squares(part, root, files, size, max_megapixels, notify)
                make_files_private(part)
                publish(part, folder)
        stored = load_pack(folder)
    if stored is None:
        raise DataError(f"{folder} was removed while it was being opened; try again")
    return _with_levels(stored, root, value_range, notify)


def _key(root: Path, files: Sequence[str], size: int, max_megapixels: int) -> str:
    digest = hashlib.blake2b(digest_size=10)
    digest.update(json.dumps([FORMAT, str(root.resolve()), size, max_megapixels]).encode())
    for path in files:
        try:
            stat = (root / path).stat()
        except OSError as error:
            raise refused_file(root / path, error) from error
        same = [path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        digest.update(json.dumps(same).encode())
    return digest.hexdigest()


def _with_levels(stored: StoredPack, root: Path, setting: str | None, notify: Notify | None) -> Pack:
    """Bring the squares to grey levels by the range that a setting means for them."""
    groups = counted(stored.groups)
    check_one_kind({str(root / group.first): group.span for group in groups}, setting)
    spans = [group.span for group in groups]
    found = resolve_range(setting, spans)
    dtype = levels_dtype(spans, found)
    notes = list(stored.notes)
    if setting is None:
        notes += [*describe_marks(ranged_span(spans)), *describe_narrow(groups)]
    ranges = [found if group in groups else None for group in stored.groups]
    levels = open_levels(stored, ranges, dtype, notify)
    return Pack(
        folder=stored.folder,
        array=levels.array,
        images=levels.images,
        unreadable=stored.unreadable,
        value_range=None if found is None else str(found),
        range_note=describe_range(found, spans, setting),
        depth=describe_depth(spans),
        outside=levels.outside if setting is not None else 0.0,
        notes=tuple(notes),
    )

"""Opening the pack of a folder.

Covers: the pack of a folder's images as a user of it sees it, its place and its key. Does not cover: which files and
classes there are (`layout`), the pack's folder (`stored.py`), decoding (`squares.py`), grey levels
(`levels.py`).

A pack is the folder `<cache>/packed/<name>-<settings>-<files>/` with `images.raw` (C order, no header: the squares in
the values of their files), `rows.jsonl` (a line for each file: its frames and their values), `form.json` and
`pack.json`. It is written under a hidden name, synced, and renamed: what has the final name is complete. An interrupted
one is gone on with. The key of its files covers every file's name, size, times and inode, and their order: a file that
was replaced by another of the same size and date, or renamed to another's name, is another file. Where files were added
or removed, or divided otherwise, squares of files that are the same are copied from an earlier pack. Packs may be
deleted at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.headers import FileHeaders, name_in_cache
from fastssl.data.private_folder import make_files_private
from fastssl.data.reading import ReadingOptions
from fastssl.data.storage import cache_folder
from fastssl.data.values.range_words import describe_depth, describe_range
from fastssl.data.values.value_range import FULL, check_one_kind, levels_dtype, ranged_span, resolve_range
from fastssl.data.values.value_span import describe_marks
from fastssl.errors import DataError

from .decode import PackItem
from .groups import counted, describe_narrow
from .levels import open_levels
from .rows import places_of
from .squares import item_keys, write_squares
from .stored import Notify, StoredPack, load_pack, publish, remove_interrupted, writing_alone

FORMAT = 3
BY_WINDOWS = "black and white by the windows of the scans"


@dataclass(frozen=True, kw_only=True)
class Pack:
    """The decoded images of a folder.

    Args:
        folder: of the pack, in the cache.
        array: the file that `images` maps; another one for another range of values.
        images: `[N, S, S, C]` uint8 or uint16 whole grey levels, a read-only memory map, in the order of the files that
            were asked for, without the unreadable ones.
        file_of: int64 `[N]`, the place of each image's file among those that were asked for.
        frames: int64 `[N]`, the number of each image in its file.
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
    file_of: np.ndarray
    frames: np.ndarray
    unreadable: dict[str, str]
    value_range: str | None
    range_note: str
    depth: str
    outside: float
    notes: tuple[str, ...]


def packed(
    root: Path,
    items: Sequence[PackItem],
    headers: FileHeaders,
    size: int,
    options: ReadingOptions,
    notify: Notify | None = None,
    *,
    value_range: str | None = None,
) -> Pack:
    """Open the pack of a folder's images; they are decoded unless the cache has them.

    Other processes that want the same pack wait for it. A pack with damaged files is kept like any other, so that going
    on without them needs no second decoding.

    Args:
        root: the folder.
        items: the files, in the order that their images shall have.
        headers: of these files.
        size: side that they are resized to, in pixels.
        options: how files are read.
        notify: called with one line of text about the progress; None keeps quiet.
        value_range: the values of black and white: "LOW,HIGH", "full", or None to find them in the images.

    Returns:
        The pack.

    Raises:
        DataError: no file can be read, no range fits all of them, or the cache cannot be written.
    """
    keys = item_keys(items, headers.keys)
    files = hashlib.blake2b("\n".join(keys[item] for item in items).encode(), digest_size=10).hexdigest()
    folder = cache_folder() / "packed" / f"{name_in_cache(root, FORMAT, size, options.as_json())}-{files}"
    stored = load_pack(folder)
    if stored is None:
        with writing_alone(folder, notify) as part:
            if load_pack(folder) is None:
                write_squares(part, folder, root, items, headers, size, options, notify)
                make_files_private(part)
                publish(part, folder)
                remove_interrupted(folder)
        stored = load_pack(folder)
    if stored is None:
        raise DataError(f"{folder} was removed while it was being opened; try again")
    return _with_levels(stored, root, value_range, notify)


def _with_levels(stored: StoredPack, root: Path, setting: str | None, notify: Notify | None) -> Pack:
    """Bring the squares to grey levels by the range that a setting means for them."""
    groups = counted(stored.groups)
    spans, windowed = [group.span for group in groups], [group.span for group in stored.groups if group.windowed]
    if groups:
        check_one_kind({str(root / group.first): group.span for group in groups}, setting)
        found = resolve_range(setting, spans)
        range_note = describe_range(found, spans, setting) + "; scans by their windows" * bool(windowed)
    else:
        found, range_note = resolve_range(FULL, windowed), BY_WINDOWS
    dtype = np.result_type(levels_dtype([*spans, *windowed], found), *(span.dtype for span in windowed))
    notes = list(stored.notes)
    if setting is None and groups:
        notes += [*describe_marks(ranged_span(spans)), *describe_narrow(groups)]
    file_of, frames = places_of(stored.rows)
    ranges = [found if group in groups else None for group in stored.groups]
    levels = open_levels(stored, ranges, dtype, notify)
    return Pack(
        folder=stored.folder,
        array=levels.array,
        images=levels.images,
        file_of=file_of,
        frames=frames,
        unreadable={own.path: own.unreadable for own in stored.rows if own.unreadable},
        value_range=None if found is None else str(found),
        range_note=range_note,
        depth=describe_depth([*spans, *windowed]),
        outside=levels.outside if setting is not None else 0.0,
        notes=tuple(notes),
    )

"""A folder of images.

Covers: turning a folder's layout and its decoded images into a source. Does not cover: the layout (`layout.py`),
decoding (`decode_files.py`), the cache (`packing.py`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fastssl.errors import DataError

from .fingerprint import fingerprint
from .layout import UNLABELLED, read_layout
from .packing import Pack, packed
from .source import Source, Split, Task

DEFAULT_SIZE = 224
SHOWN = 5


def open_folder(
    path: Path,
    size: int | None = None,
    skip_corrupt: bool = False,
    notify: Callable[[str], None] | None = None,
) -> Source:
    """Open a folder of JPEG, PNG, TIFF and BMP images; they are decoded once, to squares.

    Labels and splits come from the folders (`read_layout`). Images are memory-mapped from the cache; opening the folder
    again decodes nothing.

    Args:
        path: of the folder.
        size: side of the squares, in pixels; None: 224.
        skip_corrupt: leave out files that cannot be read, and name them through `notify`.
        notify: called with one line of text whenever there is something to tell; None keeps quiet.

    Returns:
        The source. If all images are grey they have one channel, else three; 16-bit grey stays 16-bit.

    Raises:
        DataError: files cannot be read, which it names; there are none; or the cache cannot be written.
    """
    layout = read_layout(path, notify)
    pack = packed(layout.root, layout.files, DEFAULT_SIZE if size is None else size, notify)
    if pack.unreadable:
        found = _describe_unreadable(path, pack, len(layout.files))
        if not skip_corrupt:
            raise DataError(f"{found}; repair or remove them, or skip them with skip_corrupt")
        if notify:
            notify(f"{found}; skipped")
    kept = np.array([name not in pack.unreadable for name in layout.files])
    split_of, labels = np.array(layout.splits)[kept], layout.labels[kept]
    splits = {}
    for name in ("train", "val", "test"):
        rows = np.flatnonzero(split_of == name)
        if len(rows):
            own = labels[rows]
            labelled = len(layout.class_names) > 0 and own.min() != UNLABELLED
            splits[name] = Split(images=pack.images[rows[0] : rows[-1] + 1], labels=own if labelled else None)
    if "train" not in splits:
        raise DataError(f"{path}: no image of the train split can be read")
    return Source(
        name=path.resolve().name,
        splits=splits,
        task=_task(len(layout.class_names)),
        class_names=layout.class_names,
        fingerprint=_remembered_fingerprint(pack, splits),
    )


def _task(classes: int) -> Task:
    if not classes:
        return "none"
    return "binary-class" if classes == 2 else "multi-class"


def _describe_unreadable(path: Path, pack: Pack, total: int) -> str:
    named = [f"{name} ({reason})" for name, reason in list(pack.unreadable.items())[:SHOWN]]
    more = " ..." if len(pack.unreadable) > SHOWN else ""
    return f"{path}: {len(pack.unreadable)} of {total} images cannot be read: {', '.join(named)}{more}"


def _remembered_fingerprint(pack: Pack, splits: dict[str, Split]) -> str:
    """The splits' fingerprint, computed once for each pack: reading a large pack takes longer than mapping it."""
    memo = pack.folder / "fingerprint"
    try:
        return memo.read_text(encoding="ascii")
    except OSError:
        digest = fingerprint(splits)
    with contextlib.suppress(OSError):
        fresh = memo.with_name(f".fingerprint.{os.getpid()}")
        fresh.write_text(digest, encoding="ascii")
        fresh.replace(memo)
    return digest

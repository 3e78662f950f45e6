"""A folder of images.

Covers: turning a folder's layout and its decoded images into a source. Does not cover: the layout (`layout`),
decoding and the cache (`packing`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fastssl.errors import DataError
from fastssl.files import write_atomically

from .facts import report_of
from .fingerprint import Fingerprints, fingerprints
from .layout import UNLABELLED, FolderLayout, read_layout
from .packing import Pack, packed
from .source import Source, Split, Task

DEFAULT_SIZE = 224
SHOWN = 5


def open_folder(
    path: Path,
    size: int | None = None,
    skip_corrupt: bool = False,
    value_range: str | None = None,
    max_megapixels: int = 200,
    notify: Callable[[str], None] | None = None,
) -> Source:
    """Open a folder of JPEG, PNG, TIFF and BMP images; they are decoded once, to squares.

    Labels and splits come from the folders (`read_layout`). Images are memory-mapped from the cache; opening the folder
    again decodes nothing.

    Args:
        path: of the folder.
        size: side of the squares, in pixels; None: 224.
        skip_corrupt: leave out files that cannot be read, and name them through `notify`.
        value_range: the values of black and white, as `open_source` takes them.
        max_megapixels: size of the largest image that is read.
        notify: called with one line of text whenever there is something to tell; None keeps quiet.

    Returns:
        The source. If all images are grey they have one channel, else three; 16-bit grey stays 16-bit.

    Raises:
        DataError: files cannot be read, which it names; there are none; or the cache cannot be written.
    """
    layout = read_layout(path)
    pack = packed(
        layout.root,
        layout.files,
        DEFAULT_SIZE if size is None else size,
        notify,
        value_range=value_range,
        max_megapixels=max_megapixels,
    )
    skipped = [f"{_describe_unreadable(path, pack, len(layout.files))}; skipped"] if pack.unreadable else []
    if skipped and not skip_corrupt:
        found = skipped[0].removesuffix("; skipped")
        raise DataError(f"{found}; repair or remove them, or skip them with skip_corrupt")
    splits = _splits(layout, pack)
    if "train" not in splits:
        raise DataError(f"{path}: no image of the train split can be read")
    name, task, digests = path.resolve().name, _task(len(layout.class_names)), _remembered_fingerprints(pack, splits)
    return Source(
        name=name,
        splits=splits,
        task=task,
        class_names=layout.class_names,
        fingerprint=digests.whole,
        image_fingerprint=digests.images,
        value_range=pack.value_range,
        report=report_of(
            splits,
            name=name,
            path=path,
            task=task,
            class_names=layout.class_names,
            depth=pack.depth,
            value_range=pack.range_note,
            outside=pack.outside,
            passed_over=layout.passed_over,
            unreadable=pack.unreadable,
            notes=(*layout.notes, *pack.notes, *skipped),
        ),
    )


def _splits(layout: FolderLayout, pack: Pack) -> dict[str, Split]:
    """The readable images by split, with labels where their split has them."""
    kept = np.array([name not in pack.unreadable for name in layout.files])
    split_of, labels, ids = np.array(layout.splits)[kept], layout.labels[kept], np.array(layout.files)[kept]
    splits = {}
    for name in ("train", "val", "test"):
        rows = np.flatnonzero(split_of == name)
        if len(rows):
            own = labels[rows]
            labelled = len(layout.class_names) > 0 and own.max() != UNLABELLED
            splits[name] = Split(
                images=pack.images[rows[0] : rows[-1] + 1], labels=own if labelled else None, ids=ids[rows]
            )
    return splits


def _task(classes: int) -> Task:
    if not classes:
        return "none"
    return "binary-class" if classes == 2 else "multi-class"


def _describe_unreadable(path: Path, pack: Pack, total: int) -> str:
    named = [f"{name} ({reason})" for name, reason in list(pack.unreadable.items())[:SHOWN]]
    more = " ..." if len(pack.unreadable) > SHOWN else ""
    return f"{path}: {len(pack.unreadable)} of {total} images cannot be read: {', '.join(named)}{more}"


def _remembered_fingerprints(pack: Pack, splits: dict[str, Split]) -> Fingerprints:
    """The splits' fingerprints, computed once for each array and division: a large one takes longer than mapping it."""
    divided = fingerprints(
        {name: Split(images=np.zeros((len(own), 0)), labels=own.labels) for name, own in splits.items()}
    )
    memo = pack.array.with_suffix(f".{divided.whole[:16]}.fingerprint")
    try:
        whole, images = memo.read_text(encoding="ascii").split()
        return Fingerprints(whole=whole, images=images)
    except (OSError, ValueError):
        found = fingerprints(splits)
    with contextlib.suppress(OSError):
        write_atomically(memo, f"{found.whole} {found.images}")
    return found

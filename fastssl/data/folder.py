"""A folder of images and scans.

Covers: turning a folder's layout, headers and decoded images into a source. Does not cover: the layout (`layout`),
headers (`headers`), decoding and the cache (`packing`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fastssl.errors import DataError
from fastssl.files import write_atomically

from .facts import report_of
from .fingerprint import Fingerprints, fingerprints
from .headers import FileHeaders, read_headers
from .layout import UNLABELLED, FolderLayout, divided, list_folder
from .packing import Pack, PackItem, packed
from .reading import ReadingOptions
from .source import Source, Split, Task

DEFAULT_SIZE = 224
SHOWN = 5


def open_folder(
    path: Path,
    size: int | None = None,
    options: ReadingOptions | None = None,
    *,
    skip_corrupt: bool = False,
    value_range: str | None = None,
    notify: Callable[[str], None] | None = None,
) -> Source:
    """Open a folder of pictures, DICOM files and volumes; they are decoded once, to squares.

    Labels and splits come from the folders (`list_folder`). Images are memory-mapped from the cache; opening the folder
    again decodes nothing.

    Args:
        path: of the folder.
        size: side of the squares, in pixels; None: 224.
        options: how files are read; None: as `ReadingOptions` has it.
        skip_corrupt: leave out files that cannot be read, and name them through `notify`.
        value_range: the values of black and white, as `open_source` takes them.
        notify: called with one line of text whenever there is something to tell; None keeps quiet.

    Returns:
        The source. If all images are grey they have one channel, else three; 16-bit grey stays 16-bit.

    Raises:
        DataError: files cannot be read, which it names; there are none; or the cache cannot be written.
    """
    options = options or ReadingOptions()
    listed = list_folder(path)
    headers = read_headers(listed.root, listed.files, options, keep=lambda facts: facts, notify=notify)
    layout = divided(listed)
    items = [PackItem(path=file) for file in layout.files]
    side = DEFAULT_SIZE if size is None else size
    pack = packed(layout.root, items, headers, side, options, notify, value_range=value_range)
    skipped = [f"{_describe_unreadable(path, pack, len(layout.files))}; skipped"] if pack.unreadable else []
    if skipped and not skip_corrupt:
        found = skipped[0].removesuffix("; skipped")
        raise DataError(f"{found}; repair or remove them, or skip them with skip_corrupt")
    splits = _splits(layout, headers, pack)
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
            notes=(*layout.notes, *pack.notes, *skipped),
        ),
    )


def _splits(layout: FolderLayout, headers: FileHeaders, pack: Pack) -> dict[str, Split]:
    """The images by split, with labels where their split has them."""
    split_of, labels = np.array(layout.splits)[pack.file_of], layout.labels[pack.file_of]
    ids = _ids(layout.files, headers, pack)
    splits = {}
    for name in ("train", "val", "test"):
        rows = np.flatnonzero(split_of == name)
        if len(rows):
            own, part = labels[rows], slice(rows[0], rows[-1] + 1)
            labelled = len(layout.class_names) > 0 and own.max() != UNLABELLED
            splits[name] = Split(images=pack.images[part], labels=own if labelled else None, ids=ids[part])
    return splits


def _ids(files: Sequence[str], headers: FileHeaders, pack: Pack) -> np.ndarray:
    """What each image is called: its file, and the frame where the file may have several."""
    several = [path in headers.known and headers.known[path].frames > 1 for path in files]
    names = [
        f"{files[file]}#{frame}" if several[file] else files[file]
        for file, frame in zip(pack.file_of.tolist(), pack.frames.tolist(), strict=True)
    ]
    return np.array(names)


def _task(classes: int) -> Task:
    if not classes:
        return "none"
    return "binary-class" if classes == 2 else "multi-class"


def _describe_unreadable(path: Path, pack: Pack, total: int) -> str:
    named = [f"{name} ({reason})" for name, reason in list(pack.unreadable.items())[:SHOWN]]
    more = " ..." if len(pack.unreadable) > SHOWN else ""
    return f"{path}: {len(pack.unreadable)} of {total} images cannot be read: {', '.join(named)}{more}"


def _remembered_fingerprints(pack: Pack, splits: Mapping[str, Split]) -> Fingerprints:
    """The splits' fingerprints, computed once for each array and division: a large one takes longer than mapping it."""
    divided_so = fingerprints(
        {name: Split(images=np.zeros((len(own), 0)), labels=own.labels) for name, own in splits.items()}
    )
    memo = pack.array.with_suffix(f".{divided_so.whole[:16]}.fingerprint")
    try:
        whole, images = memo.read_text(encoding="ascii").split()
        return Fingerprints(whole=whole, images=images)
    except (OSError, ValueError):
        found = fingerprints(splits)
    with contextlib.suppress(OSError):
        write_atomically(memo, f"{found.whole} {found.images}")
    return found

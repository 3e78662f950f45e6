"""A folder of images and scans.

Covers: what a folder holds and its decoded images as a source. Does not cover: finding out what it holds
(`contents.py`), decoding and the cache (`packing`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from fastssl.errors import DataError
from fastssl.files import write_atomically

from .contents import FolderContents, read_contents
from .facts import report_of
from .fingerprint import Fingerprints, fingerprints
from .layout import UNLABELLED
from .packing import Pack, packed
from .patients import PatientOptions, check_leaks
from .reading import ReadingOptions
from .source import Source, Split
from .splits import SPLITS
from .tables import TableOptions

DEFAULT_SIZE = 224
SHOWN = 5


def open_folder(
    path: Path,
    size: int | None = None,
    options: ReadingOptions | None = None,
    *,
    table: TableOptions | None = None,
    patients: PatientOptions | None = None,
    skip_corrupt: bool = False,
    value_range: str | None = None,
    notify: Callable[[str], None] | None = None,
) -> Source:
    """Open a folder of pictures, DICOM files and volumes; they are decoded once, to squares.

    Labels, splits and patients come from the folders, the files' headers and a table (`read_contents`). Images are
    memory-mapped from the cache; opening the folder again decodes nothing.

    Args:
        path: of the folder.
        size: side of the squares, in pixels; None: 224.
        options: how files are read; None: as `ReadingOptions` has it.
        table: of the images; None for none.
        patients: how they are told apart; None: as `PatientOptions` has it.
        skip_corrupt: leave out files that cannot be read, and name them through `notify`.
        value_range: the values of black and white, as `open_source` takes them.
        notify: called with one line of text whenever there is something to tell; None keeps quiet.

    Returns:
        The source. If all images are grey they have one channel, else three; 16-bit grey stays 16-bit.

    Raises:
        DataError: files cannot be read, which it names; there are none; names, rows or patients contradict each other;
            or the cache cannot be written.
    """
    options, patients = options or ReadingOptions(), patients or PatientOptions()
    contents = read_contents(path, options, table=table, patients=patients, notify=notify)
    side = DEFAULT_SIZE if size is None else size
    pack = packed(contents.root, contents.items, contents.headers, side, options, notify, value_range=value_range)
    skipped = [f"{_describe_unreadable(path, pack, len(contents.items))}; skipped"] if pack.unreadable else []
    if skipped and not skip_corrupt:
        found = skipped[0].removesuffix("; skipped")
        raise DataError(f"{found}; repair or remove them, or skip them with skip_corrupt")
    splits = _splits(contents, pack, path)
    if "train" not in splits:
        raise DataError(f"{path}: no image of the train split can be read")
    groups = {split: own.groups for split, own in splits.items() if own.groups is not None}
    leaks = check_leaks(groups, str(path), allow_leak=patients.allow_leak)
    name, digests = path.resolve().name, _remembered_fingerprints(pack, splits)
    return Source(
        name=name,
        splits=splits,
        task=contents.task,
        class_names=contents.class_names,
        group_names=contents.group_names,
        modality=contents.modality,
        rgb=not (contents.scans and (options.neighbours or len(options.windows) == 3)),
        fingerprint=digests.whole,
        image_fingerprint=digests.images,
        value_range=pack.value_range,
        label_problem=contents.label_problem,
        report=report_of(
            splits,
            name=name,
            path=path,
            task=contents.task,
            class_names=contents.class_names,
            depth=pack.depth,
            value_range=pack.range_note,
            outside=pack.outside,
            passed_over=contents.passed_over,
            unreadable=pack.unreadable,
            patients_by=contents.patients_by,
            notes=(*contents.notes, *leaks, *pack.notes, *skipped),
        ),
    )


def _splits(contents: FolderContents, pack: Pack, path: Path) -> dict[str, Split]:
    """The images by split, with labels where their split has them."""
    split_of, labels = np.array(contents.splits)[pack.file_of], contents.labels[pack.file_of]
    groups = None if contents.groups is None else contents.groups[pack.file_of]
    ids = _ids(contents, pack, path)
    splits = {}
    for name in SPLITS:
        rows = np.flatnonzero(split_of == name)
        if len(rows):
            part = slice(rows[0], rows[-1] + 1)
            own = labels[part]
            labelled = len(contents.class_names) > 0 and own.max() != UNLABELLED
            splits[name] = Split(
                images=pack.images[part],
                labels=own if labelled else None,
                groups=None if groups is None else groups[part],
                ids=ids[part],
            )
    return splits


def _ids(contents: FolderContents, pack: Pack, path: Path) -> np.ndarray:
    """What each image is called: its file as seen from the folder, and the frame where the file may have several."""
    inside, known = contents.root.relative_to(path), contents.headers.known
    files = [(inside / item.path).as_posix() for item in contents.items]
    several = [item.path in known and known[item.path].frames > 1 for item in contents.items]
    names = [
        f"{files[file]}#{frame}" if several[file] else files[file]
        for file, frame in zip(pack.file_of.tolist(), pack.frames.tolist(), strict=True)
    ]
    return np.array(names)


def _describe_unreadable(path: Path, pack: Pack, total: int) -> str:
    named = [f"{name} ({reason})" for name, reason in list(pack.unreadable.items())[:SHOWN]]
    more = " ..." if len(pack.unreadable) > SHOWN else ""
    return f"{path}: {len(pack.unreadable)} of {total} images cannot be read: {', '.join(named)}{more}"


def _remembered_fingerprints(pack: Pack, splits: Mapping[str, Split]) -> Fingerprints:
    """The splits' fingerprints, computed once for each array and division: a large one takes longer than mapping it."""
    divided_so = fingerprints(
        {
            name: Split(images=np.zeros((len(own), 0)), labels=own.labels, groups=own.groups)
            for name, own in splits.items()
        }
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

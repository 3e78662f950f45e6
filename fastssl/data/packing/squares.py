"""Decoding the images of a folder into a pack.

Covers: the squares, their groups, and what is noted on the way. Does not cover: the pack's folder (`stored.py`),
reading one file (`decode.py`).
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from fastssl.data.progress import progress
from fastssl.data.reading import ImageHeader, ReadingOptions, read_image_header
from fastssl.data.resize import workers
from fastssl.errors import DataError

from .decode import Square, read_square
from .decode_files import ImageForm, common_form, describe_headers, read_in_order
from .groups import Grouping, describe_notes
from .stored import Notify, check_room


def write_squares(
    part: Path, root: Path, files: Sequence[str], size: int, max_megapixels: int, notify: Notify | None
) -> None:
    """Decode files into the folder of a pack.

    Args:
        part: the folder to write in.
        root: the folder of the images.
        files: paths of the images, relative to `root`.
        size: side that they are resized to, in pixels.
        max_megapixels: larger images count as unreadable.
        notify: called with one line of text about the progress; None keeps quiet.

    Raises:
        DataError: no file can be read, they are of kinds that no type holds, or there is too little room.
        OSError: the folder cannot be written.
    """
    started = time.monotonic()

    def header_of(path: str) -> ImageHeader:
        return read_image_header(root / path, ReadingOptions(max_megapixels=max_megapixels))

    def square_of(path: str) -> Square:
        return read_square(root / path, size, max_megapixels)

    with ThreadPoolExecutor(workers()) as pool:
        found = dict(zip(files, read_in_order(pool, header_of, files), strict=True))
        unreadable = {path: got for path, got in found.items() if isinstance(got, str)}
        headers = {path: got for path, got in found.items() if not isinstance(got, str)}
        _check_any(root, files, unreadable)
        form = common_form({str(root / path): header for path, header in headers.items()})
        needed = len(headers) * size * size * form.channels * form.dtype.itemsize
        check_room(part, needed)
        if notify:
            notify(f"{root}: decoding {len(files)} images once to {size} px ({needed / 1e9:.2f} GB in {part.parent})")
        squares = read_in_order(pool, square_of, list(headers))
        grouping, notes, damaged = _write_images(part / "images.raw", list(headers), squares, form, notify)
    unreadable |= damaged
    _check_any(root, files, unreadable)
    (part / "groups.raw").write_bytes(bytes(grouping.group_of))
    about = {
        "shape": [len(grouping.group_of), size, size, form.channels],
        "dtype": form.dtype.str,
        "groups": [group.as_json() for group in grouping.groups],
        "unreadable": unreadable,
        "notes": [*describe_headers(list(headers.values()), size), *describe_notes(notes, len(grouping.group_of))],
    }
    (part / "pack.json").write_text(json.dumps(about), encoding="utf-8")
    if notify:
        notify(f"{root}: {len(grouping.group_of)} images decoded in {time.monotonic() - started:.1f} s")


def _check_any(root: Path, files: Sequence[str], unreadable: dict[str, str]) -> None:
    if len(unreadable) == len(files):
        raise DataError(f"none of the {len(files)} images in {root} can be read: {files[0]}: {unreadable[files[0]]}")


def _write_images(
    raw: Path, files: Sequence[str], squares: Iterable[Square | str], form: ImageForm, notify: Notify | None
) -> tuple[Grouping, Counter[str], dict[str, str]]:
    """Write the squares that could be decoded; return their groups and notes, and why the others could not."""
    grouping, notes, unreadable = Grouping(), Counter[str](), dict[str, str]()
    with raw.open("wb") as out, progress("decoding", len(files), notify) as advance:
        for path, square in zip(files, squares, strict=True):
            if isinstance(square, str):
                unreadable[path] = square
            else:
                grouping.add(path, square.span, square.bilevel)
                notes.update(square.notes)
                pixels = square.pixels.astype(form.dtype, copy=False)
                repeats = form.channels // pixels.shape[-1]
                out.write((np.repeat(pixels, repeats, axis=-1) if repeats > 1 else pixels).tobytes())
            advance(1)
        out.flush()
        os.fsync(out.fileno())
    return grouping, notes, unreadable

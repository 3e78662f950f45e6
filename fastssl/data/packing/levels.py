"""The squares of a pack as whole grey levels, by one range of values.

Covers: the array of levels that is kept for each range. Does not cover: finding the range
(`values/value_range.py`), the squares (`squares.py`).

The pack's own array serves where the files hold whole grey levels already. Otherwise the pack's folder has
`levels-<range>.raw`, and `levels-<range>.json`, which is written last: what has both names is complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.private_folder import make_files_private
from fastssl.data.progress import progress
from fastssl.data.values.range_words import share_outside
from fastssl.data.values.value_range import ValueRange, to_levels

from .stored import Notify, StoredPack, check_room, writing_alone

_CHUNK_BYTES = 1 << 25


@dataclass(frozen=True, kw_only=True)
class PackedLevels:
    """The images of a pack as whole grey levels.

    Args:
        array: the file that `images` maps.
        images: `[N, S, S, C]` uint8 or uint16, a read-only memory map.
        outside: share of the values that lay outside of the range.
    """

    array: Path
    images: np.ndarray
    outside: float


def open_levels(
    stored: StoredPack, ranges: Sequence[ValueRange | None], dtype: np.dtype, notify: Notify | None
) -> PackedLevels:
    """Open the grey levels of a pack; they are made unless its folder has them.

    Args:
        stored: the pack.
        ranges: of each of its groups; None: the full range of the group's type.
        dtype: of the levels: uint8 or uint16.
        notify: called with one line of text about the progress; None keeps quiet.

    Returns:
        The levels.

    Raises:
        DataError: the cache cannot be written.
    """
    if stored.squares.dtype == dtype and all(
        _holds_levels(group.span.dtype, own, dtype) for group, own in zip(stored.groups, ranges, strict=True)
    ):
        return PackedLevels(array=stored.folder / "images.raw", images=stored.squares, outside=0.0)
    named = next((str(own) for own in ranges if own is not None), "full")
    array = stored.folder / f"levels-{named}-{dtype.name}.raw"
    shape = stored.squares.shape
    if (levels := _load(array, shape, dtype)) is not None:
        return levels
    with writing_alone(stored.folder, notify) as part:
        if (levels := _load(array, shape, dtype)) is None:
            check_room(part, stored.squares.size * dtype.itemsize)
            outside = _write(part / "levels.raw", stored, ranges, dtype, notify)
            (part / "levels.json").write_text(json.dumps({"outside": outside}), encoding="ascii")
            make_files_private(part)
            (part / "levels.raw").replace(array)
            (part / "levels.json").replace(array.with_suffix(".json"))
            levels = _load(array, shape, dtype)
    if levels is None:
        raise FileNotFoundError(array)
    return levels


def _holds_levels(own: np.dtype, value_range: ValueRange | None, dtype: np.dtype) -> bool:
    probe = np.zeros(1, own)
    return to_levels(probe, value_range, dtype) is probe


def _load(array: Path, shape: tuple[int, ...], dtype: np.dtype) -> PackedLevels | None:
    try:
        about = json.loads(array.with_suffix(".json").read_text(encoding="ascii"))
        images = np.memmap(array, dtype, "r", shape=shape)
        return PackedLevels(array=array, images=images, outside=float(about["outside"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(
    raw: Path, stored: StoredPack, ranges: Sequence[ValueRange | None], dtype: np.dtype, notify: Notify | None
) -> float:
    """Write the levels; return the share of the values that lay outside of their range."""
    squares, outside = stored.squares, 0.0
    rows = max(1, _CHUNK_BYTES // squares[0].nbytes)
    with raw.open("wb") as out, progress("grey levels", len(squares), notify) as advance:
        for start in range(0, len(squares), rows):
            part, groups = squares[start : start + rows], stored.group_of[start : start + rows]
            levels = np.empty(part.shape, dtype)
            for index in np.unique(groups):
                own = part[groups == index].astype(stored.groups[index].span.dtype, copy=False)
                levels[groups == index] = to_levels(own, ranges[index], dtype)
                outside += share_outside(own, ranges[index]) * own.size
            out.write(levels.tobytes())
            advance(len(part))
        out.flush()
        os.fsync(out.fileno())
    return outside / squares.size

"""The images whose neighbours are looked for: images of the data, or files.

Covers: what a word of the command line means, files brought to the pixels that the data have. Does not cover: their
features and neighbours (`neighbours.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.config.data import FULL_RANGE
from fastssl.data import Source
from fastssl.data.paths import expanded, kind_of
from fastssl.data.reading import RawImage, ReadingOptions, read_frames
from fastssl.data.resize import square
from fastssl.data.values.value_range import ValueRange, to_levels
from fastssl.errors import DataError

_PLACE = re.compile(r"(?P<split>train|val|test)/(?P<row>\d+)")
_FRAME = re.compile(r"(?P<path>.+)#(?P<frame>\d+)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, eq=False)
class QueryImage:
    """An image whose neighbours are looked for.

    Attributes:
        name: as it was asked for.
        pixels: `[S, S, C]`, of the data's type.
        split: of the data's image that it is; "" for a file that is none of them.
        row: its place in the split; -1 likewise.
    """

    name: str
    pixels: np.ndarray
    split: str = ""
    row: int = -1


def open_queries(names: Sequence[str], source: Source, options: ReadingOptions) -> list[QueryImage]:
    """Find or read the images that are asked for.

    Args:
        names: each an id of the data, a split and a place ("test/17"), or a file, of a film or a volume with "#" and
            the number of the frame behind it.
        source: the data.
        options: how the data were read, and files are.

    Returns:
        The images, in this order.

    Raises:
        DataError: there is no such image, it cannot be read, or it has other channels than the data.
    """
    return [_of_data(name, source) or _of_file(name, source, options) for name in names]


def _of_data(name: str, source: Source) -> QueryImage | None:
    found = _by_id(name, source) or _by_place(name, source) or _by_id(_path_in_data(name, source), source)
    if found is None:
        return None
    split, row = found
    pixels = np.asarray(source.splits[split].some_images(np.array([row]))[:])[0]
    return QueryImage(name=name, pixels=pixels, split=split, row=row)


def _by_id(name: str, source: Source) -> tuple[str, int] | None:
    for split, own in source.splits.items():
        if own.ids is not None and name and len(rows := np.flatnonzero(np.asarray(own.ids) == name)):
            return split, int(rows[0])
    return None


def _by_place(name: str, source: Source) -> tuple[str, int] | None:
    place = _PLACE.fullmatch(name)
    if place is None or place["split"] not in source.splits:
        return None
    split, row = place["split"], int(place["row"])
    if row >= len(source.splits[split]):
        raise DataError(f"{name}: {source.name} has {len(source.splits[split])} {split} images, counted from 0")
    return split, row


def _path_in_data(name: str, source: Source) -> str:
    """The id that a file in the folder of the data has; "" for others."""
    if not source.report.path:
        return ""
    path, folder = expanded(name, "image").resolve(), Path(source.report.path).resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else ""


def _of_file(name: str, source: Source, options: ReadingOptions) -> QueryImage:
    path, frame, numbered = expanded(name, "image"), None, _FRAME.fullmatch(name)
    if not kind_of(path) and numbered is not None:
        path, frame = expanded(numbered["path"], "image"), int(numbered["frame"])
    if kind_of(path) != "file":
        raise DataError(f"{name}: no such file, and no image of {source.name}; give a file, an id, or as test/17")
    image = next((one for one in read_frames(path, options) if frame in (None, one.frame)), None)
    if image is None:
        raise DataError(f"{path}: has no frame {frame or 0}, or it is empty")
    return QueryImage(name=name, pixels=as_stored(image, source, path))


def as_stored(image: RawImage, source: Source, path: Path) -> np.ndarray:
    """Bring an image of a file to the size, the levels and the channels of the data's images.

    Args:
        image: as it was read.
        source: the data.
        path: of the file, for an error's text.

    Returns:
        `[S, S, C]`, of the data's type.

    Raises:
        DataError: it is in colour and the data are grey, or it holds fractions whose range nothing says.
    """
    side, _, channels = source.image_shape
    dtype = np.dtype(source.splits["train"].images.dtype)
    levels = to_levels(square(image.pixels, side), _range(image, source, path), dtype)
    if levels.shape[2] == channels:
        return levels
    if levels.shape[2] == 1 and channels == 3:
        return np.repeat(levels, 3, axis=2)
    if channels == 1 and all(np.array_equal(levels[..., 0], levels[..., c]) for c in range(1, levels.shape[2])):
        return levels[..., :1]
    raise DataError(f"{path}: has {levels.shape[2]} channels, the images of {source.name} have {channels}")


def _range(image: RawImage, source: Source, path: Path) -> ValueRange:
    """Black and white of a file: as the data have it, but where a window has said it already."""
    own = None if image.windowed or source.value_range == FULL_RANGE else source.value_range
    if own is not None:
        return ValueRange.parse(own)
    if image.pixels.dtype.kind == "f":
        raise DataError(
            f"{path}: holds fractions, the images of {source.name} whole numbers; give --value-range LOW,HIGH"
        )
    return ValueRange.of_type(image.pixels.dtype)

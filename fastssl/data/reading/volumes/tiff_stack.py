"""Reading TIFF files whose pages are the slices of a volume.

Covers: stacks that say so (slices of ImageJ, Z of OME and of tifffile's own description), and, where the axis of the
cut is chosen, any pages of one size and type. Does not cover: one page, decoding it (`reading/tiff.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from fastssl.data.reading.options import AUTO, ReadingOptions
from fastssl.data.reading.samples import UnreadableError
from fastssl.data.reading.tiff import decode_page
from fastssl.data.reading.tiff_meaning import TiffMeaning, meaning_of, stored_dtype

from .stored_axes import COMPONENTS, TRANSPARENT
from .stored_values import check_memory, read_values
from .volume import Volume, affine_of, first_of

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
UNSTATED = "no orientation in the file; its pages are taken for axial slices"
PALETTE = "colours of a palette, which are left out: its indices are taken as grey"

_X_RESOLUTION, _Y_RESOLUTION = 282, 283
_PHYSICAL_SIZE = r'\bPhysicalSize{axis}="([0-9.eE+-]+)"'
_UNIT = r'\bPhysicalSize{axis}Unit="([^"]+)"'


def open_tiff_stack(file: BinaryIO, options: ReadingOptions) -> Volume | None:
    """Open a TIFF file as a volume.

    Args:
        file: the file, from its start, which stays open until the volume is loaded.
        options: how files are read; with an axis other than "auto" pages need not say that they are slices.

    Returns:
        The volume, its array `[page, row, column]`; None where the file is a picture.

    Raises:
        UnreadableError: its pages are of a kind that is not read.
        Exception: any that tifffile raises for a damaged file.
    """
    from tifffile import TiffFile

    tiff = TiffFile(file)
    says_slices = _says_slices(tiff)
    if not says_slices and options.axis == AUTO:
        return None
    series = tiff.series[0] if tiff.series else None
    depth = None if series is None else _depth_axis(series, any_axis=options.axis != AUTO)
    if series is None or depth is None:
        if says_slices:
            raise UnreadableError("truncated: its description says slices, which are not there")
        return None
    meaning = meaning_of(series.keyframe)
    if meaning.colour not in ("grey", "white is 0", "rgb", "palette"):
        return None
    height, width = (series.shape[series.axes.index(axis)] for axis in "YX")
    samples = meaning.samples if series.axes.endswith("S") else 1
    dtype = stored_dtype(meaning)
    colour = samples == 3 and dtype == np.uint8
    slope, intercept = _scale(meaning)
    others = [n for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YXS"]
    kinds = (COMPONENTS,) if samples > 1 and not colour else ()
    return Volume(
        shape=(series.shape[depth], height, width),
        dtype=dtype,
        affine=_affine(tiff),
        colour=colour,
        slope=slope,
        intercept=intercept,
        notes=(
            *(UNSTATED, *kinds, *meaning.notes),
            *((PALETTE,) if meaning.colour == "palette" else ()),
            *((TRANSPARENT,) if meaning.alpha is not None else ()),
            *first_of(int(np.prod(others)) // series.shape[depth]),
        ),
        load=_loader(file, series, depth, colour=colour),
    )


def _says_slices(tiff: TiffFile) -> bool:
    """Whether a description names an axis of slices."""
    if tiff.is_imagej:
        return int((tiff.imagej_metadata or {}).get("slices", 1)) > 1
    if tiff.is_ome:
        return re.search(r'\bSizeZ="0*(?!1")[1-9]', tiff.ome_metadata or "") is not None
    return tiff.is_shaped and any("Z" in str(one.get("axes", "")) for one in tiff.shaped_metadata or ())


def _depth_axis(series: TiffPageSeries, *, any_axis: bool) -> int | None:
    """The axis of the slices; None where there is none."""
    if not series.axes.endswith(("YX", "YXS")):
        return None
    leading = [axis for axis, letter in enumerate(series.axes) if letter not in "YXS" and series.shape[axis] > 1]
    depths = [axis for axis in leading if series.axes[axis] == "Z"]
    if not depths and any_axis:
        depths = leading[-1:]
    return depths[0] if depths else None


def _scale(meaning: TiffMeaning) -> tuple[float, float]:
    """Slope and intercept that make 0 black."""
    if meaning.colour != "white is 0":
        return 1.0, 0.0
    return -1.0, -1.0 if meaning.format == 2 else 2.0**meaning.bits - 1


def _affine(tiff: TiffFile) -> np.ndarray:
    """Pages go up, rows back and columns left, by what ImageJ or OME says of their distances."""
    pages, rows, columns = _spacing(tiff)
    return affine_of([np.array([0, 0, pages]), np.array([0, -rows, 0]), np.array([-columns, 0, 0])])


def _spacing(tiff: TiffFile) -> tuple[float, float, float]:
    """Of pages, rows and columns, in one unit; 1 for each where one of them is not known."""
    unknown = (1.0, 1.0, 1.0)
    if tiff.is_ome:
        text = tiff.ome_metadata or ""
        found = [re.search(_PHYSICAL_SIZE.format(axis=axis), text) for axis in "ZYX"]
        units = {unit[1] if (unit := re.search(_UNIT.format(axis=axis), text)) else "" for axis in "ZYX"}
        lengths = [float(match[1]) for match in found if match] if len(units) == 1 else []
    else:
        spacing = (tiff.imagej_metadata or {}).get("spacing", 0) if tiff.is_imagej else 0
        tags = [tiff.pages.first.tags.valueof(code) for code in (_Y_RESOLUTION, _X_RESOLUTION)]
        known = bool(spacing) and all(tag and tag[0] for tag in tags)
        lengths = [abs(float(spacing)), *(tag[1] / tag[0] for tag in tags)] if known else []
    return (lengths[0], lengths[1], lengths[2]) if len(lengths) == 3 and min(lengths) > 0 else unknown


def _loader(file: BinaryIO, series: TiffPageSeries, depth: int, *, colour: bool) -> Callable[[], np.ndarray]:
    first = tuple(slice(None) if axis == depth or letter in "YXS" else 0 for axis, letter in enumerate(series.axes))

    def load() -> np.ndarray:
        if series.dataoffset is not None:  # one after the other, as ImageJ writes them
            stored = series.dtype.newbyteorder(series.keyframe.parent.byteorder)
            found = read_values(file, series.shape[::-1], stored, offset=series.dataoffset).T[first]
        else:
            check_memory(int(np.prod(series.shape)) * series.dtype.itemsize)
            found = _by_pages(series, depth)
        if not series.axes.endswith("S"):
            return found
        return found[..., :3] if colour else np.ascontiguousarray(found[..., 0])

    return load


def _by_pages(series: TiffPageSeries, depth: int) -> np.ndarray:
    """`[page, row, column]` or `[page, row, column, sample]`, decoded one after the other."""
    leading = [n for letter, n in zip(series.axes, series.shape, strict=True) if letter not in "YXS"]
    step = int(np.prod(leading[depth + 1 :]))
    shape = tuple(n for axis, n in enumerate(series.shape) if axis == depth or series.axes[axis] in "YXS")
    found = np.empty(shape, series.dtype)
    for number in range(shape[0]):
        page = series.pages[number * step]
        if page is None:
            raise UnreadableError("truncated: some of its pages are missing")
        found[number] = decode_page(page.aspage()).reshape(shape[1:])
    return found

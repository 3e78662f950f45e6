"""What the files of a folder hold, by their headers.

Covers: sizes, types, channels, endings, several images in a file, modality. Does not cover: reading headers
(`fastssl.data.reading`), files that cannot be decoded (`DataReport.unreadable`). Of a patient nothing is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.headers import read_headers
from fastssl.data.layout.endings import ending_of
from fastssl.data.patients import PatientOptions
from fastssl.data.reading.options import ReadingOptions
from fastssl.data.reading.samples import ImageHeader
from fastssl.data.source import Source

MOST_CUT = 1.5
"""Long side / short side above which the central square leaves out more than a third of an image."""

Three = tuple[float, float, float]
"""Least, median and greatest."""


@dataclass(frozen=True, kw_only=True)
class FileSummary:
    """What the headers of all files say.

    Attributes:
        files: whose header could be read.
        width: of the images in pixels.
        height: likewise.
        elongation: long side / short side.
        smaller: files whose short side is below that of the squares, to which they are enlarged.
        cut: files of which the central square leaves out more than a third.
        types: such as "uint8" -> number of files.
        channels: 1 or 3 -> number of files.
        endings: such as ".png" -> number of files.
        modalities: DICOM's two letters -> number of files, of those that say it.
        bilevel: files that are black and white only.
        several: files that hold more than one image.
    """

    files: int
    width: Three
    height: Three
    elongation: Three
    smaller: int
    cut: int
    types: Mapping[str, int]
    channels: Mapping[str, int]
    endings: Mapping[str, int]
    modalities: Mapping[str, int]
    bilevel: int
    several: int


def summarise_files(
    source: Source,
    options: ReadingOptions,
    *,
    patients: PatientOptions | None = None,
    notify: Callable[[str], None] | None = None,
) -> FileSummary | None:
    """Sum up the headers of all files that a source's images came from, which the cache has from opening it.

    Args:
        source: the data.
        options: how files are read.
        patients: as the source was opened with; None: as `PatientOptions` has it.
        notify: called with one line of text now and then where it takes long; None keeps quiet.

    Returns:
        What they say; None where the source is no folder of images.
    """
    files = files_of(source)
    if not files:
        return None
    root = Path(source.report.path)
    there = [file for file in files if (root / file).is_file()]  # one may have gone since
    found = read_headers(root, there, options, patients=patients, notify=notify)
    return _summary(found.known, min(source.image_shape[:2])) if found.known else None


def files_of(source: Source) -> list[str]:
    """Return the files that a source's images came from, relative to its folder; none where it is no folder of files.

    Args:
        source: the data.
    """
    root = Path(source.report.path)
    if not source.report.path or not root.is_dir():
        return []
    names = [str(name) for split in source.splits.values() if split.ids is not None for name in split.ids]
    whole = {name: _without_frame(name) for name in names}
    found = list(dict.fromkeys(name if (root / name).is_file() else whole[name] for name in names))
    return found if found and (root / found[0]).is_file() else []


def _without_frame(name: str) -> str:
    path, _, frame = name.rpartition("#")
    return path if frame.isdigit() else name


def _summary(headers: Mapping[str, ImageHeader], side: int) -> FileSummary:
    every = list(headers.values())
    sizes = np.array([(header.width, header.height) for header in every])
    short, long = sizes.min(axis=1), sizes.max(axis=1)
    elongation = long / np.maximum(short, 1)
    return FileSummary(
        files=len(every),
        width=_three(sizes[:, 0]),
        height=_three(sizes[:, 1]),
        elongation=_three(elongation),
        smaller=int((short < side).sum()),
        cut=int((elongation > MOST_CUT).sum()),
        types=_counted([header.dtype.name for header in every]),
        channels=_counted([str(header.channels) for header in every]),
        endings=_counted([ending_of(name) for name in headers]),
        modalities=_counted([header.facts.modality for header in every if header.facts.modality]),
        bilevel=sum(header.bilevel for header in every),
        several=sum(header.pages > 1 or header.frames > 1 for header in every),
    )


def _three(values: np.ndarray) -> Three:
    return float(values.min()), float(np.median(values)), float(values.max())


def _counted(items: Sequence[str]) -> dict[str, int]:
    return dict(Counter(items).most_common())

"""What was found in data as lines of a terminal.

Covers: a block of facts below the one that training prints, then the warnings. Does not cover: finding them, JSON
(`inspection.py`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from fastssl.data.report import LABEL_WIDTH
from fastssl.text import printable

from .counts import SplitCount
from .duplicates import Duplicates
from .exposure import Exposure
from .files import FileSummary
from .inspection import Inspection
from .polarity import FEWEST
from .rows import count_of
from .warnings import DataWarning

WIDEST, NARROWEST = 110, 60
"""Columns that lines are wrapped at, where the terminal is wider or narrower."""
MOST_KINDS = 6
"""Endings and other kinds of files that are listed."""


def fact_lines(found: Inspection, width: int) -> list[str]:
    """Return what was found beside the report that training prints.

    Args:
        found: all of it.
        width: of the terminal, in columns.

    Returns:
        Lines, a word in front of each fact.
    """
    facts = [
        ("task", "" if found.source.task == "none" else found.source.task),
        ("modality", "" if found.source.modality == "unknown" else found.source.modality),
        ("patients", _patients(found.counts)),
        *(_files(found.files) if found.files is not None else ()),
        *_exposure(found.exposure),
        ("polarity", _polarity(found)),
        *_duplicates(found.duplicates, len(found.looked_at)),
    ]
    return [
        line for label, text in facts if text for line in _wrapped(printable(text), f"{label:<{LABEL_WIDTH}}", width)
    ]


def warning_lines(warnings: tuple[DataWarning, ...], width: int) -> list[str]:
    """Return the warnings, each with what to do.

    Args:
        warnings: in their order.
        width: of the terminal, in columns.

    Returns:
        Lines; one that says so where there are none.
    """
    if not warnings:
        return ["no warnings"]
    return [line for warning in warnings for line in _wrapped(printable(str(warning)), "warning: ", width, "  ")]


def _wrapped(text: str, first: str, width: int, rest: str = " " * LABEL_WIDTH) -> list[str]:
    columns = min(WIDEST, max(NARROWEST, width))
    return textwrap.wrap(
        text, columns, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _patients(counts: Mapping[str, SplitCount]) -> str:
    """Such as "train 300 (1 to 9 images each, median 2), test 80 (1 each)"."""
    parts = []
    for name, own in counts.items():
        if own.per_patient is not None:
            least, median, most = own.per_patient
            each = f"{least}" if least == most else f"{least} to {most} images, median {median:g},"
            parts.append(f"{name} {own.patients} ({each} each)")
    return ", ".join(parts)


def _files(files: FileSummary) -> Iterator[tuple[str, str]]:
    kinds = [_listed(files.endings), _listed(files.types)]
    kinds += [_listed({f"{channels} channel{'s' * (channels != '1')}": n for channels, n in files.channels.items()})]
    kinds += [_listed(files.modalities)]
    yield "files", f"{files.files}: {'; '.join(filter(None, kinds))}"
    yield (
        "sizes",
        (
            f"width {_range(files.width)} px, height {_range(files.height)} px; "
            f"long side {files.elongation[0]:.2g} to {files.elongation[2]:.2g} times the short one"
        ),
    )
    told = {"smaller than the squares": files.smaller, "cut by more than a third": files.cut}
    told |= {"black and white only": files.bilevel, "with several images": files.several}
    yield "of these", ", ".join(f"{count} {what}" for what, count in told.items() if count)


def _exposure(exposure: Exposure) -> Iterator[tuple[str, str]]:
    dark, middle, bright = exposure.brightness
    flat, usual, strong = exposure.contrast
    yield "brightness", f"{dark:.2f} to {bright:.2f}, median {middle:.2f} (mean of an image; 0 is black, 1 white)"
    yield "contrast", f"{flat:.2f} to {strong:.2f}, median {usual:.2f} (standard deviation of an image)"
    yield "clipped", f"{exposure.black:.1%} of the pixels are black, {exposure.white:.1%} white"
    told = {"nearly of one grey level": exposure.empty, "white in a quarter or more": exposure.clipped}
    told |= {"black and white only": exposure.two_levels, "far from the others in brightness": exposure.outliers}
    told |= {"grey in all channels": exposure.grey}
    yield "odd images", ", ".join(f"{count_of(rows)} {what}" for what, rows in told.items() if rows)


def _polarity(found: Inspection) -> str:
    if sum(found.looked_at.values()) < FEWEST:
        return f"not judged: fewer than {FEWEST} images"
    if not found.polarity.judged:
        return "not judged: the images have too little in common"
    return f"{count_of(found.inverted) or 'none'} probably inverted"


def _duplicates(found: Duplicates, splits: int) -> Iterator[tuple[str, str]]:
    within = [
        f"{name} {alike} ({found.repeated[name]} equal to one before them)"
        for name, alike in found.alike.items()
        if alike
    ]
    across = [
        f"{equal + near} of {split} are in {other} ({equal} equal, {near} nearly)"
        for (split, other), (equal, near) in found.across_counts().items()
    ]
    yield "copies", f"within a split: {', '.join(within) or 'none'}"
    if splits > 1:
        yield "", f"across splits: {', '.join(across) or 'none'}"


def _listed(counts: Mapping[str, int]) -> str:
    parts = [f"{count} {kind}" for kind, count in list(counts.items())[:MOST_KINDS]]
    others = sum(list(counts.values())[MOST_KINDS:])
    return ", ".join([*parts, *([f"{others} others"] if others else [])])


def _range(three: tuple[float, float, float]) -> str:
    least, median, most = three
    return f"{least:g}" if least == most else f"{least:g} to {most:g}, median {median:g}"

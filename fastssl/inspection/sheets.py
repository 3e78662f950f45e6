"""Contact sheets: what the images of each class look like, copies across splits, images that are odd.

Covers: which images are shown, in which rows. Does not cover: drawing (`fastssl.previews.sheet_drawing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np

from fastssl.data.source import Source
from fastssl.lettering import lettering_for
from fastssl.previews.sheet import CellRow, Section, Sheet
from fastssl.previews.stored_images import stored_cells

from .counts import members
from .duplicates import Copy
from .inspection import Inspection
from .rows import Rows, count_of, name_of

SEED = 0
CLASSES_PER_SHEET = 10
MOST_SHEETS = 10
PAIRS = 24
"""Copies that are drawn; of more, evenly spread ones from the equal to the least similar."""
SUSPECTS = 16
"""Images of each kind that are drawn."""
IN_A_ROW = 8


def sheets_of(found: Inspection, images: int) -> dict[str, Sheet]:
    """Make all sheets that there is something to draw on.

    Args:
        found: in the data.
        images: of each class and split.

    Returns:
        Name of the PNG -> the sheet.
    """
    sheets = {
        f"classes{'' if number == 1 else f'-{number}'}.png": sheet
        for number, sheet in enumerate(_class_sheets(found.source, images), start=1)
    }
    if found.duplicates.across:
        sheets["duplicates.png"] = _pair_sheet(found.source, found.duplicates.across)
    suspects = _suspect_sections(found)
    if suspects:
        sheets["suspects.png"] = Sheet(
            title=f"Images of {found.source.name} to look at",
            facts=[f"up to {SUSPECTS} of each kind; inspection.json names more"],
            original=None,
            sections=suspects,
        )
    return sheets


def _class_sheets(source: Source, images: int) -> list[Sheet]:
    sections = _class_sections(source, images)
    most = CLASSES_PER_SHEET * MOST_SHEETS
    left = f"; the first {most} of {len(sections)} classes" if len(sections) > most else ""
    what = "images of each class and split" if source.class_names else "images of each split"
    return [
        Sheet(
            title=source.name,
            facts=[f"up to {images} {what}, drawn at random{left}", *_named_by_number(source)],
            original=None,
            sections=sections[start : start + CLASSES_PER_SHEET],
        )
        for start in range(0, min(len(sections), most), CLASSES_PER_SHEET)
    ]


def _class_sections(source: Source, images: int) -> list[Section]:
    """A section for each class that has images, and one for images without a class."""
    letters = lettering_for(source.class_names)
    named = {
        f"class {number}" if letters.lacks(name) else name: {
            split: members(own, number) for split, own in source.splits.items()
        }
        for number, name in enumerate(source.class_names)
    }
    without = {split: _without_class(own.labels, len(own)) for split, own in source.splits.items()}
    named["no class" if named else "images"] = without
    sections = [Section(title=title, rows=_class_rows(source, chosen, images)) for title, chosen in named.items()]
    return [section for section in sections if section.rows]


def _without_class(labels: np.ndarray | None, count: int) -> np.ndarray:
    """Rows without any known or given label."""
    if labels is None:
        return np.arange(count)
    return np.flatnonzero(labels < 0 if labels.ndim == 1 else (labels <= 0).all(axis=1))


def _class_rows(source: Source, chosen: Mapping[str, np.ndarray], images: int) -> tuple[CellRow, ...]:
    rng = np.random.default_rng(SEED)
    some = {
        split: np.sort(rng.choice(rows, min(images, len(rows)), replace=False))
        for split, rows in chosen.items()
        if len(rows)
    }
    return tuple(
        CellRow(
            label=f"{split} ({len(chosen[split])})", cells=stored_cells(_images(source, split, rows), [""] * len(rows))
        )
        for split, rows in some.items()
    )


def _named_by_number(source: Source) -> list[str]:
    """A line for classes whose names no installed font can draw."""
    letters = lettering_for(source.class_names)
    return letters.notes if any(map(letters.lacks, source.class_names)) else []


def _pair_sheet(source: Source, copies: Sequence[Copy]) -> Sheet:
    """Each copy above the image that it repeats."""
    shown = [copies[place] for place in np.unique(np.linspace(0, len(copies) - 1, min(PAIRS, len(copies))).astype(int))]
    sections = []
    for start in range(0, len(shown), IN_A_ROW):
        own = shown[start : start + IN_A_ROW]
        copied, repeated = ([(copy.split, copy.row) for copy in own], [(c.other_split, c.other_row) for c in own])
        sections.append(
            Section(
                title=f"{own[-1].correlation:.3f} to {own[0].correlation:.3f}",
                rows=(_row(source, "copy", copied), _row(source, "of", repeated)),
            )
        )
    return Sheet(
        title=f"Copies across splits of {source.name}",
        facts=[
            f"{len(shown)} of {len(copies)} copies, each above the image that it repeats; "
            "1 where the pixels are equal, else how similar they are"
        ],
        original=None,
        sections=sections,
    )


def _suspect_sections(found: Inspection) -> list[Section]:
    kinds: dict[str, Rows] = {
        "inverted": found.inverted,
        "one grey level": found.exposure.empty,
        "black and white": found.exposure.two_levels,
        "white areas": found.exposure.clipped,
        "dark, bright": found.exposure.outliers,
    }
    sections = []
    for title, rows in kinds.items():
        every = [(split, int(row)) for split, own in rows.items() for row in own[:SUSPECTS]][:SUSPECTS]
        parts = [every[start : start + IN_A_ROW] for start in range(0, len(every), IN_A_ROW)]
        labels = [f"{count_of(rows)} images" * (not number) for number in range(len(parts))]
        own_rows = tuple(_row(found.source, label, part) for label, part in zip(labels, parts, strict=True))
        if own_rows:
            sections.append(Section(title=title, rows=own_rows))
    return sections


def _row(source: Source, label: str, places: Sequence[tuple[str, int]]) -> CellRow:
    """Images of several splits, each with its name."""
    images = [_images(source, split, np.array([row]))[0] for split, row in places]
    names = [PurePath(name_of(source, split, row)).name for split, row in places]
    return CellRow(label=label, cells=stored_cells(np.stack(images), names))


def _images(source: Source, split: str, rows: np.ndarray) -> np.ndarray:
    return np.asarray(source.splits[split].images[rows])

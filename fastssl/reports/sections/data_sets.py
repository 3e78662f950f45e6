"""The data: how many images of which class in which split, and what some of them look like.

Covers: a table for each data set, a contact sheet of the first one. Does not cover: opening images
(`fastssl.reports.run_images`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..blocks import Block, Gallery, Lines, ReportSection, ReportTable, Thumbnail, ThumbnailRow
from ..reading.run_record import RunRecord
from ..run_images import RunImages, class_indices, part_images
from ..thumbnails import as_rgb, thumbnail_uri
from .overview import data_name

PER_CLASS = 8
MOST_CLASSES = 12
SEED = 0


def data_section(records: Sequence[RunRecord], images: RunImages | None, problems: Sequence[str]) -> ReportSection:
    """Make the section.

    Args:
        records: of all runs.
        images: of the report, if they can be opened.
        problems: why they cannot.
    """
    blocks: list[Block] = []
    told: set[str] = set()
    for record in records:
        name = data_name(record)
        if record.data and repr(record.data) not in told:
            told.add(repr(record.data))
            blocks += _facts(name, record.data)
    if images is not None:
        blocks.append(contact_sheet(images))
    blocks += [Lines(lines=(f"No images are shown: {problem}",)) for problem in problems]
    return ReportSection(anchor="data", title="Data", blocks=tuple(blocks))


def _facts(name: str, data: Mapping[str, Any]) -> list[Block]:
    counts = data.get("counts") or {}
    classes = data.get("classes") or {}
    splits = list(counts)
    rows: list[tuple[str, ...]] = [
        (str(label), *(f"{own.get(split, 0):,}" for split in splits)) for label, own in classes.items()
    ]
    rows.append(("all images", *(f"{counts[split]:,}" for split in splits)))
    what = ", ".join(filter(None, (data.get("shape"), data.get("depth"))))
    value_range = data.get("value_range")
    notes = tuple(filter(None, (what and f"Images: {what}.", value_range and f"Values: {value_range}.")))
    table = ReportTable(
        caption=f"{name}: images of each {'label' if data.get('multi_label') else 'class'} and split",
        columns=("label" if data.get("multi_label") else "class", *splits),
        rows=tuple(rows),
        notes=notes,
    )
    lines = tuple(str(note) for note in data.get("notes") or ())
    return [table, *([Lines(title="What to know of these data", lines=lines)] if lines else [])]


def contact_sheet(images: RunImages) -> Gallery:
    """Draw some training images of each class.

    Args:
        images: of the report.
    """
    part = images.parts.train
    classes, rng = class_indices(part), np.random.default_rng(SEED)
    rows = []
    found = [int(label) for label in np.unique(classes)]
    for label in found[:MOST_CLASSES]:
        own = np.flatnonzero(classes == label)
        chosen = np.sort(rng.permutation(own)[:PER_CLASS])
        name = images.class_name(label) or "training images"
        shown = as_rgb(part_images(images.source, part, chosen))
        thumbnails = tuple(
            Thumbnail(uri=thumbnail_uri(pixels), alt=f"{name}, training image {part.rows[row]}")
            for pixels, row in zip(shown, chosen, strict=True)
        )
        rows.append(ThumbnailRow(label=name, images=thumbnails))
    note = f"{len(found) - MOST_CLASSES} more classes." if len(found) > MOST_CLASSES else ""
    return Gallery(title=f"{images.source.name}: some training images", rows=tuple(rows), note=note)

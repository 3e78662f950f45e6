"""Views: what training showed the network, and what a network that restores images makes of them.

Covers: choosing which, and small images of a preview's sheet. Does not cover: rendering them (`fastssl.previews`).
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from fastssl.config import PreviewConfig
from fastssl.config.report import ReportConfig
from fastssl.console import say
from fastssl.errors import FastSSLError
from fastssl.previews.preview import make_sheet
from fastssl.previews.sheet import ImageCell, Section, Sheet

from ..blocks import Block, Gallery, GalleryGrid, Lines, ReportSection, Thumbnail, ThumbnailRow
from ..reading.run_record import RunRecord
from ..thumbnails import SIDE, thumbnail_uri

IMAGES = 5
RESTORED_SIDE = 96


def views_section(records: Sequence[RunRecord], config: ReportConfig, console: Console) -> ReportSection:
    """Make the section.

    Args:
        records: of all runs.
        config: device, precision and data of the report.
        console: where what is to be told goes.
    """
    blocks: list[Block] = []
    for record in records:
        if record.stage:
            blocks += _views(record, config, console)
    return ReportSection(
        anchor="views",
        title="Views and outputs",
        lead="The first images of an epoch as training showed them; where a stage restores images, its output as well.",
        blocks=tuple(blocks),
    )


def _views(record: RunRecord, config: ReportConfig, console: Console) -> list[Block]:
    """The outputs of a trained stage; of one that has none, or whose checkpoint is gone, the views alone."""
    problem = ""
    for checkpoint in (True, False):
        try:
            sheet = make_sheet(record.folder, _asked(config, checkpoint), lambda line: say(console, line))
        except FastSSLError as error:
            problem = str(error)
        else:
            return _galleries(record.label, sheet, restored=checkpoint)
    return [Lines(title=record.label, lines=(f"No views are shown: {problem}",))]


def _asked(config: ReportConfig, checkpoint: bool) -> PreviewConfig:
    shared = ("device", "amp", "precision", "data", "data_root")
    given = {name: getattr(config, name) for name in shared if name in config.model_fields_set}
    return PreviewConfig(images=IMAGES, checkpoint=checkpoint, quiet=True, **given)


def _galleries(label: str, sheet: Sheet, *, restored: bool) -> list[Block]:
    """A gallery for each section of a sheet, each headed by the originals."""
    what = "input, output and target" if restored else "views"
    first = [row for section in sheet.heading for row in _rows(section, "original")]
    galleries = tuple(
        Gallery(title=f"{label}, {section.title}: {what}", rows=(*first, *_rows(section, "")))
        for section in sheet.sections
    )
    return [GalleryGrid(galleries=galleries), Lines(lines=("; ".join(sheet.facts),))]


def _rows(section: Section, label: str) -> tuple[ThumbnailRow, ...]:
    rows = []
    for row in section.rows:
        cells = [cell for cell in row.cells if isinstance(cell, ImageCell)]
        name = row.label or label
        images = tuple(
            Thumbnail(
                uri=thumbnail_uri(cell.pixels, max(SIDE, RESTORED_SIDE)),
                alt=f"{name} of image {place}",
                caption=cell.caption,
            )
            for place, cell in enumerate(cells, start=1)
        )
        if images:
            rows.append(ThumbnailRow(label=name, images=images))
    return tuple(rows)

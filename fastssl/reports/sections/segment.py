"""Segmentation: Dice and other scores of U-Nets by what they started from, and overlays.

Covers: the table, tested differences, the pictures that the evaluation wrote. Does not cover: the trials
(`fastssl.evaluation.segment`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

from fastssl.evaluation.segment.overlay import LEGEND
from fastssl.text import printable

from ..blocks import Block, CommandBlock, Gallery, ReportSection, ReportTable, TableCell, Thumbnail, ThumbnailRow
from ..reading.evaluation_files import SegmentFile
from ..reading.run_record import RunRecord
from ..thumbnails import file_uri
from ..words import score_cells, shown_command
from .differences import differences_blocks
from .shared import headed, notes_block

METRICS = {"dice": "Dice", "iou": "IoU", "sensitivity": "sensitivity", "specificity": "specificity", "auc": "AUC"}
ALL_FOREGROUND = "all foreground"
MOST_OVERLAYS = 6
OVERLAY_SIDE = 760
"""Pixels of the longer side of an overlay in the page."""


def segment_section(records: Sequence[RunRecord]) -> ReportSection:
    """Make the section.

    Args:
        records: of all runs.
    """
    blocks = headed([(record, _comparison(record, record.segment)) for record in records if record.segment is not None])
    return ReportSection(
        anchor="segment",
        title="Segmentation",
        lead="A U-Net trained on masks, scored once on the test images." if blocks else "",
        blocks=tuple(blocks),
    )


def _comparison(record: RunRecord, found: SegmentFile) -> list[Block]:
    pairs = [((pair.initialization, pair.against), pair) for pair in found.pairs]
    caption = "Differences in test Dice, trials paired by seed"
    blocks: list[Block] = [_table(found), *differences_blocks(caption, ("initialization", "less"), pairs, digits=3)]
    blocks += _overlays(record)
    blocks.append(notes_block(found.notes))
    if found.command:
        blocks.append(CommandBlock(what="measures these", lines=(shown_command(found.command),)))
    return blocks


def _table(found: SegmentFile) -> ReportTable:
    trials = max(len(row.trials) for row in found.rows)
    spread = "std_over_trials" if trials > 1 else "std_over_images"
    over = f"{trials} trials" if trials > 1 else "test images"
    compared = [row.run != ALL_FOREGROUND for row in found.rows]
    columns: list[list[TableCell]] = [
        score_cells(
            [row.mean.get(metric, nan) for row in found.rows],
            [getattr(row, spread).get(metric, nan) for row in found.rows],
            compared=compared,
        )
        for metric in METRICS
    ]
    counts = ", ".join(f"{len(names)} {split}" for split, names in found.images.items())
    return ReportTable(
        caption=f"{found.data}, {found.encoder} U-Net ({counts}): mean ± standard deviation over {over}",
        columns=("run", "encoder", "decoder", *METRICS.values(), "Dice, 95 %"),
        rows=tuple(
            (
                *(row.run, row.encoder_init, row.decoder_init),
                *(column[place] for column in columns),
                "" if isnan(row.dice_low) else f"{row.dice_low:.3f} to {row.dice_high:.3f}",
            )
            for place, row in enumerate(found.rows)
        ),
        names=3,
        notes=("Bold: best of the column among networks that were trained.",),
    )


def _overlays(record: RunRecord) -> list[Block]:
    paths = record.overlays
    rows = []
    for path in paths[:: -(-len(paths) // MOST_OVERLAYS)] if paths else ():
        uri = file_uri(path, OVERLAY_SIDE)
        if uri is not None:
            label = f"{printable(path.parent.name)}, {printable(path.stem)}"
            alt = f"{label}: image, truth and prediction side by side"
            rows.append(ThumbnailRow(label=label, images=(Thumbnail(uri=uri, alt=alt),)))
    note = f"From left to right: image, truth, prediction ({LEGEND}). {len(rows)} of {len(paths)} pictures."
    return [Gallery(title="What was found", rows=tuple(rows), note=note, wide=True)] if rows else []

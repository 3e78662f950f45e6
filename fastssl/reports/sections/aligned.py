"""Methods side by side: pre-training for equal times, the proxy on the target task, fine-tuning.

Covers: the table of `--recipe aligned`, tested leads over the better baseline. Does
not cover: the comparison itself (`fastssl.recipes.aligned`), the fine-tuning's own sections.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from ..blocks import Block, ReportSection, ReportTable, TableCell
from ..reading.evaluation_files import AlignedFile, StoredAlignedRow
from ..reading.run_record import RunRecord
from ..words import DIFFERENCE_COLUMNS, difference_row, how_adjusted, score_cells
from .shared import headed, notes_block

ANCHOR = "aligned"


def aligned_section(records: Sequence[RunRecord]) -> ReportSection:
    """Make the section.

    Args:
        records: of all runs.
    """
    blocks = headed([(record, _comparison(record.aligned)) for record in records if record.aligned is not None])
    return ReportSection(
        anchor=ANCHOR,
        title="Which pre-training pays",
        lead="Methods pre-trained for equal times, scored by a proxy on validation images before any is fine-tuned."
        if blocks
        else "",
        blocks=tuple(blocks),
    )


def _comparison(found: AlignedFile) -> list[Block]:
    blocks: list[Block] = [_table(found)]
    if found.leads:
        blocks.append(
            ReportTable(
                caption=f"Leads over the better baseline in the proxy's {found.metric}, paired by draw",
                columns=("method", "less", *DIFFERENCE_COLUMNS),
                rows=tuple((lead.method, lead.against, *difference_row(lead.test, digits=3)) for lead in found.leads),
                names=2,
                verdicts=True,
                notes=tuple(filter(None, (how_adjusted([lead.test for lead in found.leads]),))),
            )
        )
    blocks.append(notes_block([*filter(None, (found.decision, found.agreed)), *found.notes]))
    return blocks


def _table(found: AlignedFile) -> ReportTable:
    rows = [row for row in found.rows if not row.left_out]
    proxy = score_cells([row.proxy.mean for row in rows], [row.proxy.std for row in rows])
    test = score_cells([row.finetuned.mean for row in rows], [row.finetuned.std for row in rows])
    tuned = any(cell.text for cell in test)
    body: list[tuple[TableCell | str, ...]] = []
    for row, own, tested in zip(rows, proxy, test, strict=True):
        later = (tested, _minutes(row.finetune_seconds)) if tuned else ()
        cost = (_minutes(row.pretraining_seconds), f"{row.images:,}" if row.images else "")
        body.append((row.candidate, row.encoder, *cost, own, f"{row.proxy_seconds:.1f}", str(row.rank), *later))
    cost_columns = ("pre-training, min", "images seen")
    after = ", and on test images after fine-tuning" if tuned else ""
    return ReportTable(
        caption=f"{found.data}: {found.metric} of the proxy on validation images{after}; mean ± standard deviation",
        columns=(
            *("candidate", "encoder", *cost_columns, f"proxy {found.metric}", "proxy, s", "rank"),
            *((f"test {found.metric}", "fine-tuning, min") if tuned else ()),
        ),
        rows=tuple(body),
        names=2,
        notes=("Bold: best of the column.", *_left_out(found.rows)),
    )


def _left_out(rows: Sequence[StoredAlignedRow]) -> list[str]:
    return [f"{row.candidate} is left out: {row.left_out}" for row in rows if row.left_out]


def _minutes(seconds: float) -> str:
    """Minutes as text; "" of what has not taken any time."""
    return f"{seconds / 60:.1f}" if seconds and not isnan(seconds) else ""

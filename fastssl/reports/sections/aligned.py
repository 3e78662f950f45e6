"""Methods side by side: pre-training for equal times, the proxy on the target task, fine-tuning.

Covers: the table of `--recipe aligned`, tested leads over the better baseline. Does
not cover: the comparison itself (`fastssl.recipes.aligned`), the fine-tuning's own sections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isnan

from ..blocks import Block, ReportSection, ReportTable, TableCell
from ..reading.evaluation_files import AlignedFile, StoredAlignedRow
from ..reading.run_record import RunRecord
from ..words import score_cells
from .differences import differences_blocks
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
    caption = f"Leads over the better baseline in the proxy's {found.metric}, paired by draw"
    leads = [((lead.method, lead.against), lead.test) for lead in found.leads]
    said = filter(None, (found.decision, found.agreed))
    return [
        _table(found),
        *differences_blocks(caption, ("method", "less"), leads, digits=3),
        notes_block([*said, *found.notes]),
    ]


def _table(found: AlignedFile) -> ReportTable:
    rows = [row for row in found.rows if not row.left_out]
    proxy = score_cells([row.proxy.mean for row in rows], [row.proxy.std for row in rows])
    test = score_cells([row.finetuned.mean for row in rows], [row.finetuned.std for row in rows])
    tuned = any(cell.text for cell in test)
    body: list[tuple[TableCell | str, ...]] = []
    for row, own, tested in zip(rows, proxy, test, strict=True):
        images = f"{row.images:,}" if row.images else ""
        spent = (_minutes(row.pretraining_seconds), images, f"{row.proxy_seconds:.1f}")
        later = (_minutes(row.finetune_seconds),) if tuned else ()
        body.append((row.candidate, own, str(row.rank), *((tested,) if tuned else ()), *spent, *later))
    scores = (f"proxy {found.metric}", "rank", *((f"test {found.metric}",) if tuned else ()))
    costs = ("pre-training, min", "images seen", "proxy, s", *(("fine-tuning, min",) if tuned else ()))
    after = ", and on test images after fine-tuning" if tuned else ""
    return ReportTable(
        caption=f"{found.data}: {found.metric} of the proxy on validation images{after}; mean ± standard deviation",
        columns=("candidate", *scores, *costs),
        rows=tuple(body),
        notes=("Bold: best of the column.", _encoders(rows), *_left_out(found.rows)),
    )


def _encoders(rows: Sequence[StoredAlignedRow]) -> str:
    """Such as "Encoders: resnet18; imagenet tf_efficientnet_lite0."."""
    usual = [name for name, _ in Counter(row.encoder for row in rows).most_common(1)]
    others = [f"{row.candidate} {row.encoder}" for row in rows if row.encoder not in usual]
    return f"Encoders: {'; '.join((*usual, *others))}."


def _left_out(rows: Sequence[StoredAlignedRow]) -> list[str]:
    return [f"{row.candidate} is left out: {row.left_out}" for row in rows if row.left_out]


def _minutes(seconds: float) -> str:
    """Minutes as text; "" of what has not taken any time."""
    return f"{seconds / 60:.1f}" if seconds and not isnan(seconds) else ""

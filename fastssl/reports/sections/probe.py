"""Linear probe and nearest neighbours: the scores of all runs in one table for each data set.

Covers: the table, confusion matrices. Does not cover: the probe itself (`fastssl.evaluation.probe`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

from fastssl.evaluation.probe.report import TRAINED
from fastssl.evaluation.shared.report import number_cell

from ..blocks import Block, CommandBlock, ReportSection, ReportTable, TableCell
from ..reading.evaluation_files import ProbeFile, StoredProbeRow
from ..reading.run_record import RunRecord
from ..words import score_cells, shown_command
from .confusion import confusion_block
from .shared import command_for, notes_block, to_evaluate

ANCHOR = "probe"
PUBLISHED = "end to end"
"""What the classifier of a published result is called, which was not measured here."""
_EXTRA = {"balanced_acc": "balanced ACC", "kappa": "kappa", "ece": "ECE"}
UNTESTED = (
    "One training and one solution per encoder: there is nothing to test by. A difference of two rows may be chance; "
    "few-shot and fine-tuning repeat theirs."
)


def probe_section(records: Sequence[RunRecord]) -> ReportSection:
    """Make the section.

    Args:
        records: of all runs.
    """
    probed = [(record, record.probe) for record in records if record.probe is not None]
    blocks: list[Block] = []
    for data in dict.fromkeys(probe.data for _, probe in probed):
        alike = [(record, probe) for record, probe in probed if probe.data == data]
        blocks.append(_table(alike))
        blocks += _confusions(alike)
        blocks.append(notes_block([note for _, probe in alike for note in probe.notes]))
    blocks += [
        CommandBlock(what=f"measures {record.label}", lines=(shown_command(probe.command),))
        for record, probe in probed
        if probe.command
    ]
    missing = tuple(command_for("probe", [one]) for one in to_evaluate(records) if one.probe is None)
    wanted = CommandBlock(what="adds this", lines=missing) if missing else None
    return ReportSection(
        anchor=ANCHOR,
        title="Linear probe and kNN",
        lead="Classifiers on frozen features, solved on all training labels." if probed else "",
        blocks=tuple(blocks),
        wanted=wanted,
    )


def probe_rows(probed: Sequence[tuple[RunRecord, ProbeFile]]) -> list[tuple[str, StoredProbeRow]]:
    """Collect the rows of several runs on the same data, each under its name: runs first, equal baselines once.

    Args:
        probed: runs with their results.
    """
    own = [(record.label, row) for record, probe in probed for row in probe.rows if row.features == TRAINED]
    baselines: dict[tuple[str, str], dict[str, tuple[StoredProbeRow, list[str]]]] = {}
    for record, probe in probed:
        for row in probe.rows:
            if row.features != TRAINED:
                distinct = baselines.setdefault((row.features, row.classifier), {})
                distinct.setdefault(repr((row.auc, row.acc)), (row, []))[1].append(record.label)
    theirs = [
        (features if len(distinct) == 1 else f"{features} ({', '.join(labels)})", row)
        for (features, _), distinct in baselines.items()
        for row, labels in distinct.values()
    ]
    return own + theirs


def _table(probed: Sequence[tuple[RunRecord, ProbeFile]]) -> ReportTable:
    rows, probe = probe_rows(probed), probed[0][1]
    details = [row.detail for _, row in rows]
    extra = {
        name: title for name, title in _EXTRA.items() if any(one and not isnan(getattr(one, name)) for one in details)
    }
    auc = _with_intervals(rows, "auc")
    acc = _with_intervals(rows, "acc")
    columns: list[list[TableCell]] = [auc, acc]
    columns.append([TableCell(text="" if isnan(row.val_auc) else number_cell(row.val_auc)) for _, row in rows])
    for name in extra:
        values = [getattr(one, name) if one else nan for one in details]
        columns.append(score_cells(values if name != "ece" else [-value for value in values]))
    if "ece" in extra:
        place = 3 + list(extra).index("ece")
        columns[place] = [TableCell(text=cell.text.removeprefix("-"), best=cell.best) for cell in columns[place]]
    cells = zip(*columns, strict=True)
    return ReportTable(
        caption=f"{probe.data}, test part of {probe.n_test} images ({probe.n_train} train, {probe.n_val} validation)",
        columns=("features", "classifier", "test AUC", "test ACC", "validation AUC", *extra.values(), "chosen"),
        rows=tuple((name, row.classifier, *own, row.setting) for (name, row), own in zip(rows, cells, strict=True)),
        names=2,
        notes=("Bold: best that was measured here.", UNTESTED),
    )


def _with_intervals(rows: Sequence[tuple[str, StoredProbeRow]], metric: str) -> list[TableCell]:
    """Scores, each with its 95 % interval over test images where that is known."""
    compared = [row.classifier != PUBLISHED for _, row in rows]
    cells = score_cells([getattr(row, metric) for _, row in rows], compared=compared)
    found = []
    for cell, (_, row) in zip(cells, rows, strict=True):
        low, high = (getattr(row.detail, f"{metric}_{edge}", nan) for edge in ("low", "high"))
        interval = "" if isnan(low) or isnan(high) else f" ({number_cell(low)} to {number_cell(high)})"
        found.append(TableCell(text=cell.text + interval, best=cell.best))
    return found


def _confusions(probed: Sequence[tuple[RunRecord, ProbeFile]]) -> list[Block]:
    """The confusion matrices of the linear classifiers on trained features."""
    found = {
        record.label: (row.detail.confusion, probe.class_names or tuple(record.data.get("classes", ())))
        for record, probe in probed
        for row in probe.rows
        if row.features == TRAINED and row.classifier == "linear" and row.detail and row.detail.confusion
    }
    return confusion_block(found, "linear classifier, test images")

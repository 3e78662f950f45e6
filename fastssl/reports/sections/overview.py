"""The head of a report: what was found, in words, and what was trained on what.

Covers: a finding for each evaluation with its test's verdict, a line for each run. Does not cover: the evaluations'
own sections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isnan, nan

import numpy as np

from fastssl.evaluation.probe.report import TRAINED
from fastssl.evaluation.shared.baselines import RANDOM_RUN

from ..blocks import Block, FindingCard, Findings, ReportSection, ReportTable, Tone
from ..reading.evaluation_files import AlignedFile, FewshotFile, FinetuneFile, SegmentFile, StoredTest
from ..reading.run_record import RunRecord
from ..words import verdict
from .finetune import percent
from .segment import ALL_FOREGROUND
from .shared import command_for, to_evaluate


def overview_section(records: Sequence[RunRecord]) -> ReportSection:
    """Make the section.

    Args:
        records: of all runs.
    """
    findings = _findings(records)
    blocks: list[Block] = [Findings(findings=tuple(findings))] if findings else []
    runs = [record for record in records if record.stage or record.encoder_path is not None]
    if runs:
        blocks.append(_runs(runs))
    encoders = to_evaluate(records)
    lead = ""
    if not findings and encoders:
        lead = f"Trained and not yet evaluated. To begin with: {command_for('probe', encoders[:1])}"
    return ReportSection(anchor="overview", title="Overview", lead=lead, blocks=tuple(blocks))


def _findings(records: Sequence[RunRecord]) -> list[FindingCard]:
    found = []
    probed = _probed(records)
    if probed is not None:
        found.append(probed)
    kinds = ("aligned", "fewshot", "finetune", "frozen", "segment")
    evaluated = [record for record in records if any(getattr(record, kind) for kind in kinds)]
    for record in evaluated:
        own = []
        if record.aligned is not None:
            own.append(aligned_finding(record.aligned))
        if record.fewshot is not None:
            own.append(fewshot_finding(record.fewshot))
        if record.finetune is not None:
            own.append(finetune_finding(record.finetune, "Fine-tuning"))
        if record.frozen is not None:
            own.append(finetune_finding(record.frozen, "Frozen features"))
        if record.segment is not None:
            own.append(segment_finding(record.segment))
        found += own if len(evaluated) == 1 else [replace(one, title=f"{record.label}: {one.title}") for one in own]
    return found


def _probed(records: Sequence[RunRecord]) -> FindingCard | None:
    """The best trained encoder by linear probe; of several data sets, on that of the first run."""
    scores = [
        (record.label, probe.data, row.auc)
        for record in records
        if (probe := record.probe) is not None
        for row in probe.rows
        if (row.features, row.classifier) == (TRAINED, "linear") and not isnan(row.auc)
    ]
    scores = [score for score in scores if score[1] == scores[0][1]]
    if not scores:
        return None
    scores.sort(key=lambda score: -score[2])
    best, data, auc = scores[0]
    text = f"{best} reaches {auc:.3f} test AUC on {data}"
    text += f", {auc - scores[1][2]:.3f} more than {scores[1][0]}." if len(scores) > 1 else "."
    return FindingCard(title="Linear probe", text=text, verdict="one value per encoder: not tested", tone="muted")


def aligned_finding(found: AlignedFile) -> FindingCard:
    """Say which method was worth fine-tuning, and how far the proxy was right.

    Args:
        found: the comparison.
    """
    tone: Tone = "good" if found.winner else "muted"
    text = ". ".join(f"{one[:1].upper()}{one[1:]}" for one in (found.decision, found.agreed) if one)
    said = f"{found.winner} is worth fine-tuning" if found.winner else "no pre-training pays"
    return FindingCard(title="Which pre-training pays", text=f"{text}.", verdict=said, tone=tone)


def fewshot_finding(found: FewshotFile) -> FindingCard:
    """Say which encoder is best with the most labels per class, by how much, and what the test says of it.

    Args:
        found: the comparison.
    """
    shots = max(row.shots for row in found.rows)
    rows = sorted((row for row in found.rows if row.shots == shots), key=lambda row: -_low_if_nan(row.acc.mean))
    best, title = rows[0], f"{shots} labelled images per class"
    text = f"{best.encoder} is at {100 * best.acc.mean:.1f} % test accuracy on {found.data}"
    if len(rows) < 2:
        return FindingCard(title=title, text=f"{text}.")
    second = rows[1]
    text += f", {100 * (best.acc.mean - second.acc.mean):.1f} points ahead of {second.encoder}."
    for pair in found.pairs:
        if (
            pair.metric == "acc"
            and pair.shots == shots
            and {pair.encoder, pair.against} == {best.encoder, second.encoder}
        ):
            return _tested(title, text, pair.test, best.encoder)
    return FindingCard(title=title, text=text)


def finetune_finding(found: FinetuneFile, title: str) -> FindingCard:
    """Say which encoder is best on the most labels, and how it compares with its baseline.

    Runs are tested against baselines alone, so that the difference told is that of the best run that was tested.

    Args:
        found: the comparison.
        title: of the finding.
    """
    fraction = max(row.label_fraction for row in found.rows)
    rows = [row for row in found.rows if row.label_fraction == fraction]
    best = max(rows, key=lambda row: _low_if_nan(row.auc))
    title = f"{title}, {percent(fraction)} of the labels"
    text = f"{best.encoder} is best with {best.auc:.3f} test AUC on {found.data}."
    compared = [one for one in found.comparisons if one.label_fraction == fraction]
    compared.sort(key=lambda one: -one.difference)
    tested = {one.encoder: one for one in compared}  # against the best of its baselines
    runs = sorted((row for row in rows if row.encoder in tested), key=lambda row: -_low_if_nan(row.auc))
    if not runs:
        return FindingCard(title=title, text=text)
    test = tested[runs[0].encoder]
    way = "above" if test.difference >= 0 else "below"
    text += f" {runs[0].encoder} is {abs(test.difference):.3f} {way} {test.against}."
    return _tested(title, text, test, runs[0].encoder if test.difference >= 0 else test.against)


def segment_finding(found: SegmentFile) -> FindingCard:
    """Say from what the best U-Net started, and how it compares with the next best.

    Args:
        found: the comparison.
    """
    rows = [row for row in found.rows if row.run != ALL_FOREGROUND] or list(found.rows)
    rows.sort(key=lambda row: -_low_if_nan(row.mean.get("dice", nan)))
    labels = [
        f"{row.run} ({row.encoder_init}, {row.decoder_init})" if row.run != RANDOM_RUN else RANDOM_RUN for row in rows
    ]
    text = f"A U-Net from {labels[0]} is best with {rows[0].mean.get('dice', nan):.3f} test Dice on {found.data}"
    for pair in found.pairs:
        if {pair.initialization, pair.against} == set(labels[:2]):
            text += f", {abs(pair.difference):.3f} ahead of {labels[1]}."
            return _tested("Segmentation", text, pair, labels[0])
    return FindingCard(title="Segmentation", text=f"{text}.")


def _tested(title: str, text: str, test: StoredTest, better: str) -> FindingCard:
    said, tone = verdict(test, better)
    return FindingCard(title=title, text=text, verdict=said, tone=tone)


def _low_if_nan(value: float) -> float:
    return -1.0 if isnan(value) else value


def _runs(records: Sequence[RunRecord]) -> ReportTable:
    rows = []
    for record in records:
        settings, counts = record.settings, record.data.get("counts") or {}
        loss = record.metrics.get("loss")
        speed = record.speed.get("images_per_second")
        epochs = settings.get("epochs")
        rows.append(
            (
                record.label,
                record.stage or "encoder file",
                str(settings.get("data") and data_name(record)),
                str(settings.get("encoder") or ""),
                f"{counts['train']:,}" if isinstance(counts.get("train"), int) else "",
                str(settings.get("size") or ""),
                f"{int(loss.steps[-1]):,}" + (f" ({epochs} epochs)" if epochs else "") if loss is not None else "",
                str(settings.get("batch_size") or ""),
                f"{loss.values[-max(1, len(loss.values) // 20) :].mean():.3f}" if loss is not None else "",
                f"{np.nanmedian(speed.values):,.0f}" if speed is not None and len(speed.values) else "",
            )
        )
    return ReportTable(
        caption="What was trained on what",
        columns=(
            *("run", "stage", "data", "encoder"),
            *("training images", "size, px", "steps", "batch", "loss at the end", "images/s"),
        ),
        rows=tuple(rows),
        names=4,
        notes=("Loss: mean over the last twentieth of the steps; losses of different stages cannot be compared.",),
    )


def data_name(record: RunRecord) -> str:
    """Return what a run's data are called, without where they are.

    Args:
        record: of the run.
    """
    origin, path = str(record.data.get("origin") or ""), str(record.data.get("path") or "")
    return origin.removesuffix(f", {path}") if path else origin or str(record.settings.get("data") or "")

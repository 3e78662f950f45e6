"""`fastssl probe`: what a trained encoder's frozen features are worth.

Covers: from a run and settings to a report: a linear classifier and nearest neighbours on the features of the trained
and of a randomly initialised encoder, a linear classifier on raw pixels, the published ResNet-18. Does not cover: the
classifiers (`linear.py`, `fastssl.embeddings`), few labels (`fastssl.evaluation.fewshot`), fine-tuning, comparing runs.
"""

from __future__ import annotations

import errno
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from fastssl.config import ProbeConfig, coerce_config
from fastssl.config.command_line import command_line
from fastssl.console import say
from fastssl.data.report import DataReport
from fastssl.distributed.world import world
from fastssl.embeddings.knn import default_neighbours, knn_scores
from fastssl.evaluation.shared.baselines import RANDOM, random_baseline, seed_of
from fastssl.evaluation.shared.candidates import Candidate, open_runs, run_candidates, run_paths
from fastssl.evaluation.shared.extraction import Extraction, PartFeatures
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.evaluation.shared.metrics import Metrics, evaluate
from fastssl.evaluation.shared.partition import partition
from fastssl.evaluation.shared.published import SOURCE, published_result
from fastssl.evaluation.shared.report_folder import report_folder
from fastssl.evaluation.shared.together import together
from fastssl.runtime import resolve_runtime, usual_torch_state

from .linear import LabelledFeatures, class_targets, linear_probe
from .part_shift import shift_notes
from .report import TRAINED, ProbeResult, ProbeRow, write_probe_report

MOST_PIXELS = 3072
"""Values an image may have for a linear model on its pixels (32x32 colour)."""
MOST_PIXEL_VALUES = 1 << 26
"""Values that all training images together may have for it."""


@usual_torch_state()
def probe(
    run: str | Path, config: ProbeConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> ProbeResult:
    """Score an encoder by classifiers on its frozen features.

    Features are kept in the run's `features/`, results are written to its `report/` and printed.

    Args:
        run: a run folder, whose own data and data_root are the defaults, or an encoder file; the size's is its
            encoder's. Random init has the run's own seed, or `seed` where that is not known.
        config: what to do; or give its fields as `settings`.
        console: where the table goes; standard output by default.
        **settings: the fields of `ProbeConfig`, in place of `config`.

    Returns:
        The scores on the test part, and what they were measured on.

    Raises:
        CheckpointError: there is no encoder, or not a sound one.
        DataError: images without labels, or with other channels than the encoder's.
        ConfigError: settings that cannot be used.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(ProbeConfig, config, settings)
    with together(config.device, console) as own_console:
        return _probe(run, config, own_console)


def _probe(run: str | Path, config: ProbeConfig, console: Console) -> ProbeResult:
    """Do what `probe` does, with the processes that were started together."""
    paths = run_paths(run)
    (encoder,) = open_runs(paths)
    encoder = replace(encoder, label=TRAINED)
    (trained,) = run_candidates([encoder], paths, config.size)
    own_seed = seed_of(trained.folder)
    source = open_data(config, trained.folder, [encoder], trained.size, console)
    extraction = Extraction(
        source=source,
        parts=partition(source, config.seed),
        runtime=resolve_runtime(config.device, config.amp, False, config.precision),
        batch_size=config.batch_size,
        console=console,
    )
    check_fit(encoder, source, trained.size)
    start = partial(random_baseline, trained.spec)
    random = replace(trained, label=RANDOM, kind="random", start=start)
    rows = (
        *_encoder_rows(extraction, trained, 0),
        *_encoder_rows(extraction, random, config.seed if own_seed is None else own_seed),
        *_pixel_rows(extraction, trained),
        *_published_rows(extraction, trained.size),
    )
    result = replace(_result(extraction, trained, rows), command=command_line("probe", config, [run]))
    result.print(console)
    if world().leads:
        _write(result, source.report, console)
    return result


def _write(result: ProbeResult, report: DataReport, console: Console) -> None:
    """Write the report, or say that it is not: there is no other folder for it, and the table is printed."""
    try:
        write_probe_report(result, Path(result.folder))
        report.write(Path(result.folder))
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        say(console, f"note: {result.folder}: the report is not written ({error.strerror})")


def _result(extraction: Extraction, trained: Candidate, rows: tuple[ProbeRow, ...]) -> ProbeResult:
    parts = extraction.parts
    held_out = parts.held_out_notes("l2 chosen on {held_out}, then solved on all of train")
    n_train, n_val, n_test = parts.counts
    apart = shift_notes([row for row in rows if row.features == TRAINED], n_val, n_test)
    notes = [*apart, *trained.notes, *held_out, *(row.note for row in rows if row.note)]
    return ProbeResult(
        encoder=trained.spec.name,
        data=extraction.source.name,
        task=extraction.source.task,
        size=trained.size,
        n_train=n_train,
        n_val=n_val,
        n_test=n_test,
        rows=rows,
        notes=tuple(dict.fromkeys(notes)),
        folder=str(report_folder(None, trained.folder)),
    )


def _encoder_rows(extraction: Extraction, candidate: Candidate, seed: int) -> list[ProbeRow]:
    features = extraction.of_all(candidate, seed)
    return [_linear_row(extraction, features, candidate.label), _knn_row(extraction, features, candidate.label)]


def _pixel_rows(extraction: Extraction, trained: Candidate) -> list[ProbeRow]:
    values = trained.size**2 * trained.spec.in_channels
    if values > MOST_PIXELS or values * len(extraction.parts.train) > MOST_PIXEL_VALUES:
        return []
    return [_linear_row(extraction, extraction.of_pixels(trained.view), "raw pixels")]


def _published_rows(extraction: Extraction, size: int) -> list[ProbeRow]:
    counts = extraction.parts.counts
    found = published_result(extraction.source.name, size, counts)
    if found is None:
        return []
    return [
        ProbeRow(
            features="published ResNet-18",
            classifier="end to end",
            auc=found.auc,
            acc=found.acc,
            n_train=counts[0],
            note=SOURCE,
        )
    ]


def _linear_row(extraction: Extraction, features: PartFeatures, label: str) -> ProbeRow:
    parts, task = extraction.parts, extraction.source.task
    found = linear_probe(
        LabelledFeatures(features=features.train, labels=parts.train.labels),
        LabelledFeatures(features=features.val, labels=parts.val.labels),
        features.test,
        task=task,
        classes=parts.classes,
        refit=parts.val_held_out,
        device=extraction.runtime.solver_device,
    )
    metrics = evaluate(parts.test.labels, found.scores, task)
    return ProbeRow(
        features=label,
        classifier="linear",
        auc=metrics.auc,
        acc=metrics.acc,
        val_auc=found.validation.auc,
        val_acc=found.validation.acc,
        setting=f"l2 {found.l2:.1e}",
        dim=features.train.shape[1],
        n_train=len(parts.train) + len(parts.val) * parts.val_held_out,
        note="; ".join(filter(None, [*found.notes, _note(metrics)])),
    )


def _knn_row(extraction: Extraction, features: PartFeatures, label: str) -> ProbeRow:
    parts, device = extraction.parts, extraction.runtime.solver_device

    def score(train: Tensor, labels: np.ndarray, query: Tensor, query_labels: np.ndarray) -> Metrics:
        targets = class_targets(labels, parts.classes).to(device)
        neighbours = default_neighbours(len(train))
        scores = knn_scores(train.to(device), targets, query.to(device), neighbours=neighbours)
        return evaluate(query_labels, scores.double().cpu().numpy(), extraction.source.task)

    train, labels = features.train, parts.train.labels
    validation = score(train, labels, features.val, parts.val.labels)
    if parts.val_held_out:
        train, labels = torch.cat([train, features.val]), np.concatenate([labels, parts.val.labels])
    metrics = score(train, labels, features.test, parts.test.labels)
    return ProbeRow(
        features=label,
        classifier="kNN",
        auc=metrics.auc,
        acc=metrics.acc,
        val_auc=validation.auc,
        val_acc=validation.acc,
        setting=f"k {default_neighbours(len(train))}",
        dim=train.shape[1],
        n_train=len(train),
        note=_note(metrics),
    )


def _note(metrics: Metrics) -> str:
    return metrics.note and f"test {metrics.note}"

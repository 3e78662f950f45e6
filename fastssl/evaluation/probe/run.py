"""`fastssl probe`: what a trained encoder's frozen features are worth.

Covers: a linear probe and kNN on the features of a trained and of a randomly initialised encoder, raw pixels and the
published ResNet-18 beside them. Does not cover: fine-tuning, few-shot grids, comparing runs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape

from fastssl.config import ProbeConfig, coerce_config
from fastssl.evaluation.shared.baselines import random_baseline, seed_of
from fastssl.evaluation.shared.candidates import NamedEncoder, open_runs, run_folder_of
from fastssl.evaluation.shared.extraction import Extraction, PartFeatures
from fastssl.evaluation.shared.features import FeatureCache
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.evaluation.shared.metrics import evaluate
from fastssl.evaluation.shared.partition import partition
from fastssl.evaluation.shared.published import SOURCE, published_result
from fastssl.pipelines import Plain
from fastssl.runtime import resolve_runtime

from .knn import default_neighbours, knn_scores
from .linear import Labelled, class_targets, linear_probe
from .report import ProbeResult, ProbeRow, write_report

MOST_PIXELS = 3072
"""Values an image may have for a linear model on its pixels (32x32 colour)."""
MOST_PIXEL_VALUES = 1 << 26
"""Values that all training images together may have for it."""


def probe(
    run: str | Path, config: ProbeConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> ProbeResult:
    """Score an encoder; `settings` are the fields of `ProbeConfig`, in place of `config`.

    Features are kept in the run's `features/`, results are written to its `report/` and printed.

    Args:
        run: a run folder, whose own data and data_root are the defaults, or an encoder file; the size's is its
            encoder's. Random init has the run's own seed, or `seed` where that is not known.
        console: where the table goes; standard output by default.

    Raises:
        CheckpointError: no encoder there, or not a sound one. DataError: images without labels, or with other channels
        than the encoder's. ConfigError: settings that cannot be used.
    """
    config = coerce_config(ProbeConfig, config, settings)
    console = console or Console()
    (trained,) = open_runs([Path(run)])
    trained = replace(trained, label="trained")
    folder, spec = run_folder_of(Path(run)), trained.spec
    own_seed = seed_of(folder)
    size = config.size or spec.size
    source = open_data(config, folder, size, console)
    parts = partition(source, config.seed)
    check_fit(trained, source, size)
    extraction = Extraction(
        source,
        parts,
        Plain(size, spec.in_channels, spec.channel_mean, spec.channel_std),
        resolve_runtime(config.device, config.amp, False, config.precision),
        config.batch_size,
        console,
        FeatureCache(folder / "features", lambda line: console.print(escape(line))),
    )
    rows = [
        *_encoder_rows(extraction, trained),
        *_encoder_rows(extraction, random_baseline(spec, config.seed if own_seed is None else own_seed)),
        *_pixel_rows(extraction, size),
        *_published_rows(extraction, size),
    ]
    notes = [
        *parts.held_out_notes("l2 chosen on {held_out}, then solved on all of train"),
        *(row.note for row in rows if row.note),
    ]
    counts = (len(parts.train), len(parts.val), len(parts.test))
    report = folder / "report"
    result = ProbeResult(
        spec.name, source.name, source.task, size, *counts, tuple(rows), tuple(dict.fromkeys(notes)), str(report)
    )
    write_report(result, report)
    result.print(console)
    return result


def _encoder_rows(extraction: Extraction, contender: NamedEncoder) -> list[ProbeRow]:
    label = contender.label
    features = extraction.of_encoder(contender.encoder, contender.spec, label)
    return [_linear_row(extraction, features, label), _knn_row(extraction, features, label)]


def _pixel_rows(extraction: Extraction, size: int) -> list[ProbeRow]:
    values = size * size * extraction.view.channels
    if values > MOST_PIXELS or values * len(extraction.parts.train) > MOST_PIXEL_VALUES:
        return []
    return [_linear_row(extraction, extraction.of_pixels(), "raw pixels")]


def _published_rows(extraction: Extraction, size: int) -> list[ProbeRow]:
    parts = extraction.parts
    counts = (len(parts.train), len(parts.val), len(parts.test))
    found = published_result(extraction.source.name, size, counts)
    if found is None:
        return []
    return [ProbeRow("published ResNet-18", "end to end", found.auc, found.acc, n_train=counts[0], note=SOURCE)]


def _linear_row(extraction: Extraction, features: PartFeatures, label: str) -> ProbeRow:
    parts, task = extraction.parts, extraction.source.task
    found = linear_probe(
        Labelled(features.train, parts.train.labels),
        Labelled(features.val, parts.val.labels),
        features.test,
        task=task,
        classes=parts.classes,
        refit=parts.val_held_out,
        device=extraction.runtime.device,
    )
    metrics = evaluate(parts.test.labels, found.scores, task)
    note = "; ".join(filter(None, [*found.notes, metrics.note and f"test {metrics.note}"]))
    return ProbeRow(
        label,
        "linear",
        metrics.auc,
        metrics.acc,
        f"l2 {found.l2:.1e}",
        features.train.shape[1],
        len(parts.train) + len(parts.val) * parts.val_held_out,
        note,
    )


def _knn_row(extraction: Extraction, features: PartFeatures, label: str) -> ProbeRow:
    parts, device = extraction.parts, extraction.runtime.device
    train, labels = features.train, parts.train.labels
    if parts.val_held_out:
        train, labels = torch.cat([train, features.val]), np.concatenate([labels, parts.val.labels])
    neighbours = default_neighbours(len(train))
    targets = class_targets(labels, parts.classes).to(device)
    scores = knn_scores(train.to(device), targets, features.test.to(device), neighbours=neighbours)
    metrics = evaluate(parts.test.labels, scores.double().cpu().numpy(), extraction.source.task)
    note = metrics.note and f"test {metrics.note}"
    return ProbeRow(label, "kNN", metrics.auc, metrics.acc, f"k {neighbours}", train.shape[1], len(train), note)

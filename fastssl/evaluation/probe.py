"""`fastssl probe`: what a trained encoder's frozen features are worth.

Covers: a linear probe and kNN on the features of a trained and of a randomly initialised encoder, raw pixels and the
published ResNet-18 beside them. Does not cover: fine-tuning, few-shot grids, comparing runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from torch import nn

from fastssl.acceleration import accelerate
from fastssl.config import ProbeConfig, build
from fastssl.data import Source, open_source
from fastssl.errors import CheckpointError, ConfigError, DataError
from fastssl.models.encoder import EncoderSpec, create_encoder, feature_dim, load_encoder
from fastssl.pipelines import Plain
from fastssl.run_folder import CONFIG, ENCODER, read_settings

from .extraction import Extraction, PartFeatures
from .features import FeatureCache
from .knn import default_neighbours, knn_scores
from .linear import Labelled, class_targets, linear_probe
from .metrics import evaluate
from .partition import partition
from .published import SOURCE, published_result
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
        run: a run folder, whose own data, data_root and size are the defaults, or an encoder file.
        console: where the table goes; standard output by default.

    Raises:
        CheckpointError: no encoder there, or not a sound one. DataError: images without labels, or with other channels
        than the encoder's. ConfigError: settings that cannot be used.
    """
    config = config or build(ProbeConfig, settings)
    console = console or Console()
    folder, path = _locate(Path(run))
    encoder, spec = load_encoder(path)
    source, size = _open(config, folder, spec, console)
    parts = partition(source, config.seed)
    _check_fit(encoder, spec, source, size)
    extraction = Extraction(
        source,
        parts,
        Plain(size, spec.in_channels, spec.channel_mean, spec.channel_std),
        accelerate(config.device, config.amp, compile=False),
        config.batch_size,
        console,
        FeatureCache(folder / "features", lambda line: console.print(escape(line))),
    )
    rows = [
        *_encoder_rows(extraction, encoder, spec, "trained", str(path)),
        *_random_rows(extraction, spec, config.seed),
        *_pixel_rows(extraction, size),
        *_published_rows(extraction, size),
    ]
    notes = [*parts.notes, *(row.note for row in rows if row.note)]
    counts = (len(parts.train), len(parts.val), len(parts.test))
    report = folder / "report"
    result = ProbeResult(
        spec.name, source.name, source.task, size, *counts, tuple(rows), tuple(dict.fromkeys(notes)), str(report)
    )
    write_report(result, report)
    result.print(console)
    return result


def _locate(run: Path) -> tuple[Path, Path]:
    """(folder that features and report go into, encoder file)."""
    if not run.exists():
        raise CheckpointError(f"{run}: no such run folder or encoder file")
    if run.is_dir():
        return run, run / ENCODER
    return (run.parent if run.name == ENCODER else run.with_suffix("")), run


def _open(config: ProbeConfig, folder: Path, spec: EncoderSpec, console: Console) -> tuple[Source, int]:
    """The data asked for, else the run's own, and the side at which the encoder sees it."""
    own = read_settings(folder) if (folder / CONFIG).is_file() else {}
    data = config.data or own.get("data")
    if data is None:
        raise ConfigError([f"data: {folder} has no {CONFIG} that names its data; give --data"])
    size = config.size or spec.size
    root = config.data_root or own.get("data_root")
    source = open_source(
        data,
        root=root,
        size=size,
        skip_corrupt=config.skip_corrupt,
        notify=lambda line: console.print(escape(line)),
    )
    return source, size


def _check_fit(encoder: nn.Module, spec: EncoderSpec, source: Source, size: int) -> None:
    channels = source.image_shape[2]
    if channels != spec.in_channels:
        raise DataError(
            f"{source.name}: images have {channels} channel(s), the encoder was trained on {spec.in_channels}; "
            "probe it on data of its own kind"
        )
    if size != spec.size:
        feature_dim(encoder, channels, size)  # raises ConfigError where the encoder is bound to its own size


def _encoder_rows(
    extraction: Extraction, encoder: nn.Module, spec: EncoderSpec, label: str, origin: str
) -> list[ProbeRow]:
    features = extraction.of_encoder(encoder, spec, label)
    if not all(bool(part.isfinite().all()) for part in features):
        raise CheckpointError(f"{origin}: features are not finite numbers; the encoder is damaged or has diverged")
    return [_linear_row(extraction, features, label), _knn_row(extraction, features, label)]


def _random_rows(extraction: Extraction, spec: EncoderSpec, seed: int) -> list[ProbeRow]:
    encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem, seed=seed)
    return _encoder_rows(extraction, encoder, spec, "random init", f"{spec.name} with random weights")


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
        device=extraction.acceleration.device,
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
    parts, device = extraction.parts, extraction.acceleration.device
    train, labels = features.train, parts.train.labels
    if parts.val_held_out:
        train, labels = torch.cat([train, features.val]), np.concatenate([labels, parts.val.labels])
    neighbours = default_neighbours(len(train))
    targets = class_targets(labels, parts.classes).to(device)
    scores = knn_scores(train.to(device), targets, features.test.to(device), neighbours=neighbours)
    metrics = evaluate(parts.test.labels, scores.double().cpu().numpy(), extraction.source.task)
    note = metrics.note and f"test {metrics.note}"
    return ProbeRow(label, "kNN", metrics.auc, metrics.acc, f"k {neighbours}", train.shape[1], len(train), note)

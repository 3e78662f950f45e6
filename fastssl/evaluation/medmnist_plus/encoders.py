"""The encoders of a benchmark, and how each of them sees the images of a set.

Covers: runs, timm models with their weights, padding and resizing, grey images as RGB, encoders that cannot take
colour. Does not cover: which sets there are (`data_sets.py`), features (`fastssl.evaluation.shared.extraction`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fastssl.config import BenchmarkConfig
from fastssl.data import Source
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.candidates import Candidate, Fit, open_any_runs, run_candidates
from fastssl.evaluation.shared.pretrained import PretrainedModel, baselines_asked_for
from fastssl.models.encoder import check_model_name
from fastssl.models.imagenet import is_at_hand, missing_weights

BASELINE_SIZE = 224
"""Side in pixels that images are padded to for every timm model, whatever it was trained at (published protocol); a
model may be given another."""


def open_candidates(config: BenchmarkConfig, paths: Sequence[Path], folder: Path) -> tuple[Candidate, ...]:
    """Load the runs, each of which sees images at its own size, and the baselines.

    Args:
        config: names the baselines.
        paths: of the runs.
        folder: that the baselines' features are kept in.

    Raises:
        CheckpointError: a run or a file of weights is not there, not sound, or another model's.
        ConfigError: there is neither a run nor a baseline, no such model, or its weights are not here.
    """
    if not paths and not config.baseline:
        raise ConfigError(["give a run, or --baseline timm:NAME"])
    runs = run_candidates(open_any_runs(paths), paths, None)
    found = [_open_baseline(model, folder, download=config.download) for model in baselines_asked_for(config.baseline)]
    return (*runs, *found)


def can_take(candidate: Candidate, channels: int) -> bool:
    """Tell whether an encoder can take images: of its own channels, or grey ones as RGB.

    Args:
        candidate: the encoder.
        channels: of the images.
    """
    return candidate.spec.in_channels == channels or (candidate.spec.in_channels == 3 and channels == 1)


def fitted(candidate: Candidate, side: int, fit: Fit) -> Candidate:
    """Return an encoder as it sees images of a side: baselines see them padded, runs as `fit` says.

    Args:
        candidate: the encoder.
        side: of the images, in pixels; those that are larger than the encoder's own size are resized.
        fit: "resize" or "pad", of runs.
    """
    wanted: Fit = fit if candidate.kind == "run" else "pad"
    return replace(candidate, fit=wanted if side < candidate.size else "resize")


def describe_fit(candidate: Candidate, side: int) -> str:
    """Say in a few words how a fitted encoder sees images of a side, as in "padded to 224"."""
    if side == candidate.size:
        return "as they are"
    return f"{'padded' if candidate.fit == 'pad' else 'resized'} to {candidate.size}"


def seen_source(candidate: Candidate, source: Source) -> Source:
    """Return the images with the channels that an encoder takes: grey ones repeated as red, green and blue.

    Args:
        candidate: the encoder, which can take them.
        source: the images; they are not copied.
    """
    channels = candidate.spec.in_channels
    if source.image_shape[2] == channels:
        return source
    splits = {
        name: replace(split, images=np.broadcast_to(np.asarray(split.images), (*split.images.shape[:3], channels)))
        for name, split in source.splits.items()
    }
    return replace(source, splits=splits)


def _open_baseline(model: PretrainedModel, folder: Path, *, download: bool) -> Candidate:
    check_model_name(model.name, "baseline")
    if model.weights is None and not download and not is_at_hand(model.name):
        raise ConfigError([f"{missing_weights(model.name, model.option)}, or add --download"])
    side = model.size or BASELINE_SIZE
    return Candidate.of(model.load(3, side), model.kind, side, folder)

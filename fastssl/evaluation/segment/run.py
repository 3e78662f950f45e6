"""`fastssl segment`: fine-tune encoders and decoders on images with masks, and compare where they started.

Covers: putting data, starts, trials and the report together. Does not cover: what any of them does.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from fastssl.config import SegmentConfig, coerce_config
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.training.run_folder import ENCODER

from .data import SegmentationData, open_data
from .files import Sample
from .initialization import RANDOM, Start, build_network, find_starts, read_specs
from .metrics import THRESHOLD, ImageScore, score_image
from .overlay import LEGEND, write_overlay
from .recipe import Recipe, choose_recipe
from .report import SegmentResult, SegmentRow, baseline_row, write_report
from .trial import Trial, run_trial

MOST_OVERLAYS = 24
"""Images shown of each row."""


def segment(
    runs: str | Path | Sequence[str | Path],
    config: SegmentConfig | None = None,
    /,
    *,
    console: Console | None = None,
    **settings: Any,
) -> SegmentResult:
    """Train a U-Net on masks from every start asked for; `settings` are `SegmentConfig`'s fields in place of `config`.

    Every network is trained alike, its epoch is chosen on validation images, and it is scored once on the test images.
    Results go to `report/` in the first run's folder (or `out`) and are printed; the overlays are the first trial's.

    Args:
        runs: run folders or encoder files; the word "random" is a network that starts from none.
        console: where the table goes; standard output by default.

    Raises:
        ConfigError, DataError, CheckpointError: nothing was written. DivergenceError: a training failed; likewise.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; likewise.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(SegmentConfig, config, settings)
    console = console or Console()
    runs = [runs] if isinstance(runs, (str, Path)) else list(runs)
    notes: list[str] = []
    specs = read_specs(runs)
    data = open_data(config, notes.append)
    recipe = choose_recipe(config, data)
    starts = find_starts(runs, specs, config, data.channels, max(recipe.patch), notes.append)
    for start in starts:
        build_network(start, max(recipe.patch), config.seed)  # what cannot be built is told before hours of training
    runtime = resolve_runtime(config.device, config.amp, bool(config.compile), config.precision)
    report = _folder(runs, config) / "report"
    _introduce(console, data, recipe, runtime, notes)
    rows = [baseline_row(_all_foreground(data))]
    found: dict[str, list[np.ndarray]] = {}
    for start in starts:
        trials = []
        for seed in range(config.seed, config.seed + config.trials):
            trial, predictor = run_trial(start, data, recipe, seed, runtime, console)
            trials.append(trial)
            if start.label not in found:
                found[start.label] = [predictor(sample) >= THRESHOLD for sample in _shown(data)]
            console.print(escape(_outcome(start, trial)), soft_wrap=True)
        rows.append(SegmentRow(start.name, start.encoder_init, start.decoder_init, tuple(trials)))
    result = SegmentResult(
        data.name,
        ", ".join(dict.fromkeys(start.spec.name for start in starts)),
        {split: [sample.name for sample in samples] for split, samples in data.splits.items()},
        _settings(recipe, config),
        tuple(rows),
        (*notes, *_undefined(rows)),
        str(report),
    )
    write_report(result, report)
    _write_overlays(report / "overlays", found, data)
    result.print(console)
    console.print(f"report and overlays ({LEGEND}) in {escape(str(report))}", soft_wrap=True)
    return result


def _folder(runs: Sequence[str | Path], config: SegmentConfig) -> Path:
    """Where the report goes: `out`, or the first run's folder, or one named after the data."""
    if config.out is not None:
        return config.out
    for run in map(Path, runs):
        if str(run) != RANDOM:
            return run if run.is_dir() else run.parent if run.name == ENCODER else run.with_suffix("")
    return Path("runs") / f"segment-{Path(config.data[0]).stem}"


def _introduce(
    console: Console, data: SegmentationData, recipe: Recipe, runtime: Runtime, notes: Sequence[str]
) -> None:
    counts = ", ".join(f"{len(samples)} {split}" for split, samples in data.splits.items())
    first, last = data.splits["test"][0].name, data.splits["test"][-1].name
    height, width = recipe.patch
    asked = "whole images" if recipe.window is None else f"windows overlapping by {recipe.overlap:.0%}"
    console.print(
        f"[bold]segment[/bold] {escape(data.name)}: {counts} (test: {escape(first)} to {escape(last)}); "
        f"trained on {height}x{width} px, predicted in {asked}, on {runtime.device}",
        soft_wrap=True,
    )
    for choice in recipe.choices:
        console.print(f"  {choice.name:<12} {choice.value:<11} [dim]{escape(choice.reason)}[/dim]", soft_wrap=True)
    for note in notes:
        console.print(escape(note), soft_wrap=True)


def _outcome(start: Start, trial: Trial) -> str:
    advice = "" if trial.val_dice else "; nothing is found yet: train longer, or give --objective bce+dice"
    return (
        f"{start.label} seed {trial.seed}: best at step {trial.best_step} of {trial.steps}, validation Dice "
        f"{trial.val_dice:.3f}, {1000 * trial.seconds_per_step:.0f} ms a step{advice}"
    )


def _all_foreground(data: SegmentationData) -> tuple[ImageScore, ...]:
    return tuple(
        score_image(sample.name, np.ones(sample.truth.shape, np.float32), sample.truth, sample.truth_inside)
        for sample in data.splits["test"]
    )


def _undefined(rows: Sequence[SegmentRow]) -> list[str]:
    """What to know of images that a metric has no value for, or by agreement only."""
    blank = [score.image for score in rows[0].trials[0].test if isnan(score.sensitivity)]
    if not blank:
        return []
    return [
        f"{len(blank)} test image(s) without foreground ({blank[0]}, ...): Dice and IoU are 1 there if nothing was "
        "found and 0 otherwise; sensitivity and AUC leave them out"
    ]


def _shown(data: SegmentationData) -> list[Sample]:
    return data.splits["test"][:MOST_OVERLAYS]


def _write_overlays(folder: Path, found: dict[str, list[np.ndarray]], data: SegmentationData) -> None:
    """PNGs at the size the network saw, in place of an earlier call's."""
    if folder.is_dir():
        shutil.rmtree(folder)
    for label, masks in found.items():
        for sample, mask in zip(_shown(data), masks, strict=True):
            write_overlay(folder / label / f"{sample.name}.png", sample.image, mask, sample.mask, sample.inside)


def _settings(recipe: Recipe, config: SegmentConfig) -> dict[str, Any]:
    return {**recipe.settings(), **{name: getattr(config, name) for name in ("size", "channel", "seed", "trials")}}

"""`fastssl segment`: fine-tune encoders and decoders on images with masks, and compare what they were initialized with.

Covers: putting data, initializations, trials and the report together. Does not cover: what any of them does.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from fastssl.config import SegmentConfig, coerce_config
from fastssl.config.command_line import command_line
from fastssl.config.paths import run_path
from fastssl.console import say
from fastssl.distributed.world import world
from fastssl.evaluation.shared.baselines import RANDOM_RUN
from fastssl.evaluation.shared.candidates import Runs, run_folder_of
from fastssl.evaluation.shared.report_folder import writable_report_folder
from fastssl.evaluation.shared.together import together
from fastssl.runtime import Runtime, resolve_runtime, usual_torch_state
from fastssl.training.messages import show_settings
from fastssl.training.stored_settings import CONFIG, read_settings

from .data import SegmentationData, open_segmentation_data
from .initialization import Initialization, find_initializations, read_specs
from .metrics import ImageScore, score_image
from .overlay import LEGEND, write_overlay
from .recipe import SegmentRecipe, choose_recipe
from .report import SegmentResult, write_segment_report
from .summary import SegmentRow, baseline_row, interval_note, with_intervals
from .trial import shown_samples
from .trial_grid import SegmentTrialSpec, finish_trials, plan_trials
from .trial_record import FinishedTrial, open_trial_cache

_INHERITED = ("skip_corrupt", "max_megapixels")


@usual_torch_state()
def segment(
    runs: Runs, config: SegmentConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> SegmentResult:
    """Train a U-Net on masks from every initialization asked for, and compare them.

    Every network is trained alike, its epoch is chosen on validation images, and it is scored once on the test images.
    Results go to `report/` in the first run's folder (or `out`) and are printed; the overlays are the first trial's.
    Finished trials are kept there as well, and are not repeated.

    Args:
        runs: run folders or encoder files; the word "random" is a network that starts from none.
        config: the settings; None for those of `settings`.
        console: where progress and tables go; standard output by default.
        **settings: fields of `SegmentConfig`, in place of `config`.

    Returns:
        The scores of every trial, their means, and the differences between initializations.

    Raises:
        ConfigError, DataError, CheckpointError: settings, images or runs cannot be used; nothing was written.
        DivergenceError: a loss or a probability is not finite.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; finished trials are kept.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(SegmentConfig, config, settings)
    with together(config.device, console) as own_console:
        return _segment(runs, config, own_console)


def _segment(runs: str | Path | Sequence[str | Path], config: SegmentConfig, console: Console) -> SegmentResult:
    """Do what `segment` does, with the processes that were started together."""
    runs = [
        run if str(run) == RANDOM_RUN else run_path(run) for run in ([runs] if isinstance(runs, str | Path) else runs)
    ]
    notes: list[str] = []
    specs = read_specs(runs)
    folder = _run_folder(runs, config)
    report = writable_report_folder(config.out, folder)
    data = open_segmentation_data(_as_the_run(config, folder), trained=[spec.value_range for spec in specs.values()])
    recipe = choose_recipe(config, data)
    initializations = find_initializations(
        runs, specs, config, channels=data.channels, size=max(recipe.patch), notify=notes.append
    )
    runtime = resolve_runtime(config.device, config.amp, bool(config.compile), config.precision)
    planned = plan_trials(initializations, data, recipe, range(config.seed, config.seed + config.trials), runtime)
    cache = open_trial_cache(report, notes.append)
    _introduce(console, data, recipe, runtime, () if config.quiet else data.report.lines(), notes)
    finished = finish_trials(planned, data, recipe, runtime, cache, console)
    found = _by_initialization(planned, finished)
    result = _result(data, recipe, config, found, notes, report)
    result = replace(result, command=command_line("segment", config, runs))
    result.print(console)
    if world().leads:
        write_segment_report(result, report)
        data.report.write(report)
        _write_overlays(report / "overlays", found, data)
    say(console, f"report and overlays ({LEGEND}) in {report}")
    return result


def _run_folder(runs: Sequence[str | Path], config: SegmentConfig) -> Path:
    """The first run's folder, or, where there is none, one named after the data."""
    for run in map(Path, runs):
        if str(run) != RANDOM_RUN:
            return run_folder_of(run)
    return Path("runs") / f"segment-{config.data if config.images is None else config.images.stem}"


def _as_the_run(config: SegmentConfig, run_folder: Path) -> SegmentConfig:
    """The settings, with those about unreadable and large files as the first run has them, unless they are given."""
    own = read_settings(run_folder) if (run_folder / CONFIG).is_file() else {}
    inherited = {name: own[name] for name in _INHERITED if name in own and name not in config.model_fields_set}
    return config.model_copy(update=inherited)


def _introduce(
    console: Console,
    data: SegmentationData,
    recipe: SegmentRecipe,
    runtime: Runtime,
    facts: Sequence[str],
    notes: Sequence[str],
) -> None:
    """Say what was read, and what is about to be done."""
    say(console, *facts)
    counts = ", ".join(f"{len(samples)} {split}" for split, samples in data.splits.items())
    first, last = data.splits["test"][0].name, data.splits["test"][-1].name
    height, width = recipe.patch
    predicted = "whole images" if recipe.window is None else f"windows overlapping by {recipe.overlap:.0%}"
    say(
        console,
        f" {data.name}: {counts} (test: {first} to {last}); "
        f"trained on {height}x{width} px, predicted in {predicted}, on {runtime.device}",
        topic="segment",
    )
    show_settings(console, recipe.choices)
    say(console, *notes)


def _by_initialization(
    planned: Sequence[SegmentTrialSpec], finished: Sequence[FinishedTrial]
) -> dict[Initialization, list[FinishedTrial]]:
    """Initialization -> its trials, in the order of their seeds."""
    found: dict[Initialization, list[FinishedTrial]] = {}
    for spec, trial in zip(planned, finished, strict=True):
        found.setdefault(spec.initialization, []).append(trial)
    return found


def _result(
    data: SegmentationData,
    recipe: SegmentRecipe,
    config: SegmentConfig,
    found: Mapping[Initialization, Sequence[FinishedTrial]],
    notes: Sequence[str],
    report: Path,
) -> SegmentResult:
    """All that was measured, and how."""
    baseline = _all_foreground(data)
    rows = [
        SegmentRow(
            run=one.name,
            encoder_init=one.encoder_init,
            decoder_init=one.decoder_init,
            trials=tuple(trial.figures for trial in trials),
        )
        for one, trials in found.items()
    ]
    asked = {name: getattr(config, name) for name in ("size", "channel", "seed", "trials")}
    asked |= {"value_range": data.value_range, "foreground": data.report.foreground}
    return SegmentResult(
        data=data.name,
        encoder=", ".join(dict.fromkeys(one.spec.name for one in found)),
        images={split: [sample.name for sample in samples] for split, samples in data.splits.items()},
        settings={**recipe.settings(), "reasons": recipe.reasons(), **asked},
        rows=with_intervals((baseline_row(baseline), *rows), data.patients),
        notes=(*notes, interval_note(rows[0], data.patients), *_undefined(baseline)),
        folder=str(report),
    )


def _all_foreground(data: SegmentationData) -> tuple[ImageScore, ...]:
    """The scores of the test images where every pixel is called foreground."""
    return tuple(
        score_image(sample.name, np.ones(sample.truth.shape, np.float32), sample.truth, sample.truth_inside)
        for sample in data.splits["test"]
    )


def _undefined(scores: Sequence[ImageScore]) -> list[str]:
    """What to know of images that a metric has no value for, or by agreement only."""
    blank = [score.image for score in scores if isnan(score.sensitivity)]
    if not blank:
        return []
    return [
        f"{len(blank)} test image(s) without foreground ({blank[0]}, ...): Dice and IoU are 1 there if nothing was "
        "found and 0 otherwise; sensitivity and AUC leave them out"
    ]


def _write_overlays(
    folder: Path, found: Mapping[Initialization, Sequence[FinishedTrial]], data: SegmentationData
) -> None:
    """PNGs at the size the network saw, in place of an earlier call's."""
    if folder.is_dir():
        shutil.rmtree(folder)
    for initialization, (first, *_) in found.items():
        for sample, mask in zip(shown_samples(data), first.shown, strict=True):
            path = folder / initialization.label / f"{sample.name}.png"
            write_overlay(path, sample.image, mask, sample.mask, sample.inside)

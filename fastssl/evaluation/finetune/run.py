"""`fastssl finetune`: what a trained encoder is worth once it is trained on labels, or on a share of them.

Covers: from runs and settings to a report. Does not cover: the trials (`trial_grid.py`), what the report says of them
(`summary.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config import FinetuneConfig, coerce_config
from fastssl.config.command_line import command_line
from fastssl.console import say
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.candidates import Candidate, Runs, open_runs, run_folder_of, run_paths
from fastssl.evaluation.shared.pretrained import PRETRAINED
from fastssl.evaluation.shared.published import SOURCE, published_result
from fastssl.evaluation.shared.report_folder import writable_report_folder
from fastssl.evaluation.shared.statistics import untested
from fastssl.evaluation.shared.together import together
from fastssl.runtime import usual_torch_state

from .candidates import choose_candidates, size_notes
from .from_random import candidates_without_run, data_without_run, folder_without_run, is_random
from .label_efficiency import savings
from .plots import draw, lettering_of
from .recipe import FinetuneRecipe
from .report import FinetuneResult, write_report
from .summary import FinetuneComparison, FinetuneTrial, comparisons, mean_curves, summarize
from .trial import run_finetune_trial
from .trial_data import LabelledData, open_labelled_data
from .trial_grid import RunTrial, TrialGrid

SHARE = "a label fraction takes labels from the training part alone; validation keeps all of its own"
NO_SAVING = "how many labels pre-training saves: give --label-fraction 1.0 and smaller ones"
NO_PRETRAINED = "no pre-trained encoder to compare with: give --imagenet NAME or --baseline timm:NAME"
ON_TEST_IMAGES = "each trial's intervals over resampled test images are in the JSON file"
WITHOUT_DETAIL = (
    "some trials were kept by an earlier version, which knew AUC and ACC alone; --out another folder repeats them"
)
PER_TRAINING = (
    "deviations, intervals and p-values are over seeds, each with its own training and, of a share of the labels, its "
    "own draw, on these training and test images and no others"
)
PER_DRAW = (
    "deviations, intervals and p-values are over draws of the labelled images and over random encoders; images that "
    "draws share are allowed for by the corrected resampled t-test (Nadeau and Bengio 2003)"
)


@usual_torch_state()
def finetune(
    runs: Runs, config: FinetuneConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> FinetuneResult:
    """Train encoders on labels by one recipe and compare them; `settings` are the fields of `FinetuneConfig`.

    Every run, a random initialisation and, where asked for, an ImageNet encoder are trained end to end (`frozen`: a
    classifier on their features) on every label fraction, once per seed: each seed draws the same images, in the same
    batches, for all of them. The epoch is chosen by validation AUC; the test part is scored once, after that. Finished
    trials are kept in the first run's `report/` (or that of `out`), with tables and plot, and are not repeated.

    Args:
        runs: a run folder or encoder file, or several. The first one's data and data_root are the defaults. The word
            "random" alone: no run, but supervised training from scratch on the data that are given.
        config: the settings.
        console: where progress and tables go; standard output by default.
        **settings: the same as keywords, in place of `config`.

    Returns:
        The result, which is also written to `report/` and printed.

    Raises:
        CheckpointError: no encoder there, or not a sound one.
        DataError: images without labels, or with other channels than the encoders'.
        ConfigError: settings that cannot be used.
        DivergenceError: a loss is not finite.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; finished trials are kept.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(FinetuneConfig, config, settings)
    with together(config.device, console) as own_console:
        return compare(runs, config, own_console)


def compare(
    runs: Runs, config: FinetuneConfig, console: Console, run_trial: RunTrial = run_finetune_trial
) -> FinetuneResult:
    """Do what `finetune` does, with any function for a trial.

    Args:
        runs: as for `finetune`.
        config: the settings.
        console: where progress and tables go.
        run_trial: does one trial.

    Returns:
        As `finetune`.

    Raises:
        FastSSLError: as `finetune`.
    """
    paths = run_paths(runs)
    data, candidates, report = _opened(paths, config, console)
    grid = TrialGrid(
        data=data,
        candidates=candidates,
        recipe=FinetuneRecipe.of(config),
        config=config,
        report=report,
        console=console,
        run_trial=run_trial,
    )
    result = replace(_result(grid, grid.trials()), command=command_line("finetune", config, paths))
    result.print(console)
    if world().leads:
        write_report(result, grid.report, draw(result))
        data.source.report.write(grid.report)
    say(console, f"report in {grid.report}", *lettering_of(result).notes)
    return result


def _opened(
    paths: Sequence[Path], config: FinetuneConfig, console: Console
) -> tuple[LabelledData, tuple[Candidate, ...], Path]:
    """The data, what is compared on them, and the folder of the report."""
    if is_random(paths):
        folder = folder_without_run(config)
        report = writable_report_folder(config.out, folder)
        data = data_without_run(config, console)
        return data, candidates_without_run(data, config, config.out or folder), report
    if config.encoder != "auto":
        raise ConfigError([f"encoder={config.encoder}: is for the run random, which is not the one given"])
    encoders = open_runs(paths)
    folder = run_folder_of(paths[0])
    report = writable_report_folder(config.out, folder)
    data = open_labelled_data(config, folder, encoders, console)
    return data, choose_candidates(encoders, paths, data.size, config), report


def _result(grid: TrialGrid, trials: Sequence[FinetuneTrial]) -> FinetuneResult:
    data, parts = grid.data, grid.data.parts
    rows, compared = summarize(trials), comparisons(trials, grid.candidates, grid.overlaps())
    published = published_result(data.source.name, data.size, parts.counts)
    saved = savings(rows, grid.candidates)
    notes = [
        *_data_notes(grid),
        *([SOURCE] if published else []),
        *_test_notes(grid, compared),
        *(note for trial in trials for note in trial.result.notes),
        *([NO_SAVING] if not saved and any(one.kind == "run" for one in grid.candidates) else []),
        *([WITHOUT_DETAIL] if any(trial.result.detail is None for trial in trials) else [ON_TEST_IMAGES]),
    ]
    return FinetuneResult(
        data=data.source.name,
        task=data.source.task,
        size=data.size,
        n_train=len(parts.train),
        n_val=len(parts.val),
        n_test=len(parts.test),
        recipe=grid.recipe.settings(),
        how=grid.recipe.describe(),
        rows=rows,
        comparisons=compared,
        savings=saved,
        published=(published.auc, published.acc) if published else None,
        curves=mean_curves(trials),
        trials=tuple(trials),
        notes=tuple(dict.fromkeys(notes)),
        folder=str(grid.report),
        class_names=parts.class_names,
    )


def _data_notes(grid: TrialGrid) -> list[str]:
    held_out = grid.data.parts.held_out_notes("epochs chosen on {held_out}")
    known = [note for candidate in grid.candidates for note in candidate.notes]
    pretrained = any(candidate.kind in PRETRAINED for candidate in grid.candidates)
    missing = [] if pretrained else [NO_PRETRAINED]
    return [SHARE, *known, *held_out, *size_notes(grid.candidates, grid.data.size), *missing]


def _test_notes(grid: TrialGrid, compared: Sequence[FinetuneComparison]) -> list[str]:
    return [PER_DRAW if grid.config.frozen else PER_TRAINING, *untested([one.test for one in compared])]

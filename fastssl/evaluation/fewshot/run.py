"""`fastssl fewshot`: how far trained encoders get on a few labelled images per class.

Covers: from runs and settings to a report. Does not cover: the images (`images.py`), drawing them (`support.py`), the
classifiers (`grid.py`), rows and comparisons (`summary.py`), how results are shown (`report.py`, `plots.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config import FewshotConfig, coerce_config
from fastssl.config.command_line import command_line
from fastssl.console import say
from fastssl.distributed.world import world
from fastssl.evaluation.shared.baselines import untrained_baseline
from fastssl.evaluation.shared.candidates import Candidate, Runs, open_runs, run_candidates, run_folder_of, run_paths
from fastssl.evaluation.shared.detail import metric_details
from fastssl.evaluation.shared.extraction import Extraction
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.evaluation.shared.metrics import evaluate
from fastssl.evaluation.shared.pretrained import models_asked_for, pretrained_candidates, resized_notes
from fastssl.evaluation.shared.raw_pixels import RAW_PIXELS, too_many_pixels
from fastssl.evaluation.shared.report_folder import writable_report_folder
from fastssl.evaluation.shared.statistics import untested
from fastssl.evaluation.shared.together import together
from fastssl.models.imagenet import LEAST_SIZE
from fastssl.runtime import resolve_runtime, usual_torch_state

from .grid import StandardisedFeatures, solve_grid
from .images import FewshotImages, fewshot_images
from .plots import draw_fewshot, lettering_of
from .report import FewshotResult, FewshotRow, write_fewshot_report
from .summary import fewshot_pairs, fewshot_row
from .support import draw_supports, overlap_notes, scarcity

METHOD = (
    "l2-regularised logistic regression on features standardised over the unlabelled training images; deviations, "
    "intervals and p-values are over draws of the labelled images alone; images that draws share are allowed for by "
    "the corrected resampled t-test (Nadeau and Bengio 2003)"
)

MOST_SCORES = 1 << 21
"""Scores of all classifiers together that are resampled; 1000 resamples of these take ten seconds of a core."""
ON_TEST_IMAGES = "each seed's intervals over resampled test images are in fewshot.json"
NOT_AFFORDABLE = "no intervals over resampled test images: the test scores of all draws are too many"


@usual_torch_state()
def fewshot(
    runs: Runs, config: FewshotConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> FewshotResult:
    """Compare encoders on a few labelled images per class.

    For every number of shots and every seed, a linear classifier is solved on the frozen features of a class-balanced
    draw of training images, the same for all encoders, and scored on the whole test split: the runs, the first run's
    encoder before training, pre-trained ones, and raw pixels. Features are kept in the runs' `features/`, results are
    written to `report/` in the first run's folder (or `out`) and printed.

    Args:
        runs: a run folder or encoder file, or several. The first one's data and data_root are the defaults.
        config: what to do; or give its fields as `settings`.
        console: where progress and tables go; standard output by default.
        **settings: the fields of `FewshotConfig`, in place of `config`.

    Returns:
        The scores, the comparisons, and what they were measured on.

    Raises:
        CheckpointError: there is no encoder, or not a sound one.
        DataError: images without labels, with several labels each, or with other channels than the encoders'.
        ConfigError: settings that cannot be used.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(FewshotConfig, config, settings)
    with together(config.device, console) as own_console:
        return _fewshot(runs, config, own_console)


def _fewshot(runs: Runs, config: FewshotConfig, console: Console) -> FewshotResult:
    """Do what `fewshot` does, with the processes that were started together."""
    paths = run_paths(runs)
    encoders = open_runs(paths)
    folder = writable_report_folder(config.out, run_folder_of(paths[0]))
    size = config.size or max(encoder.spec.size for encoder in encoders)
    source = open_data(config, run_folder_of(paths[0]), encoders, size, console)
    images = fewshot_images(source, config.seed)
    trained = run_candidates(encoders, paths, config.size)
    baselines, notes = _baselines(config, trained[0])
    candidates = (*trained, *baselines)
    for candidate in candidates:
        check_fit(candidate.start(config.seed), source, candidate.size)
    extraction = Extraction(
        source=source,
        parts=images.parts,
        runtime=resolve_runtime(config.device, config.amp, False, config.precision),
        batch_size=config.batch_size,
        console=console,
    )
    result = _compare(candidates, extraction, images, config, notes, folder)
    result = replace(result, command=command_line("fewshot", config, paths))
    result.print(console)
    if world().leads:
        write_fewshot_report(result, folder, draw_fewshot(result))
        source.report.write(folder)
    say(console, f"report in {result.folder}", *lettering_of(result).notes)
    return result


def _baselines(config: FewshotConfig, first: Candidate) -> tuple[list[Candidate], list[str]]:
    """What the runs are compared with, and notes on what that is and what could not be had."""
    found, notes = [], []
    if config.random:
        untrained, what = untrained_baseline(first.folder, first.spec, config.seed)
        found.append(Candidate.of(untrained, "untrained", first.size, first.folder))
        notes.append(what)
    models, missing = models_asked_for(config)
    pretrained = pretrained_candidates(models, first, max(first.size, LEAST_SIZE))
    return [*found, *pretrained], [*notes, *missing, *resized_notes(pretrained, first.size)]


def _compare(
    candidates: Sequence[Candidate],
    extraction: Extraction,
    images: FewshotImages,
    config: FewshotConfig,
    notes: Sequence[str],
    folder: Path,
) -> FewshotResult:
    source, seeds = extraction.source, tuple(range(config.seed, config.seed + config.seeds))
    rows, problems = _rows(candidates, extraction, images, config, seeds)
    pairs = fewshot_pairs(rows)
    tests = [pair.test for pair in pairs if pair.metric == "acc"]
    held_out = images.parts.held_out_notes()
    known = [note for candidate in candidates for note in candidate.notes]
    return FewshotResult(
        data=source.name,
        task=source.task,
        n_pool=len(images.pool),
        n_test=len(images.test),
        seeds=seeds,
        l2=config.l2,
        rows=tuple(rows),
        pairs=pairs,
        class_names=images.parts.class_names,
        notes=tuple(dict.fromkeys([*known, *held_out, *notes, *problems, *untested(tests), METHOD])),
        folder=str(folder),
    )


def _rows(
    candidates: Sequence[Candidate],
    extraction: Extraction,
    images: FewshotImages,
    config: FewshotConfig,
    seeds: Sequence[int],
) -> tuple[list[FewshotRow], list[str]]:
    """Every encoder at every number of shots, and what to know of draws, scores and solutions."""
    features = {candidate.label: _features(candidate, extraction, images) for candidate in candidates}
    pixels, why_none = _pixels(candidates[0], extraction, images, config)
    features |= pixels
    supports = draw_supports(images.pool.labels, config.shots, seeds, images.pool.groups)
    grid = solve_grid([one.pool for one in features.values()], supports, images.parts.classes, l2=config.l2)
    scarce = scarcity(images.pool.labels, config.shots, images.pool.groups)
    rows, notes = [], [*why_none, *scarce, *overlap_notes(supports)]
    test, task = images.test, extraction.source.task
    affordable = len(test) * images.parts.classes * len(features) * len(supports) * len(seeds) <= MOST_SCORES
    notes.append(ON_TEST_IMAGES if affordable else NOT_AFFORDABLE)
    for (label, own), solved in zip(features.items(), grid, strict=True):
        for support, classifiers in zip(supports, solved, strict=True):
            scores = classifiers.scores(own.query)
            found = [evaluate(test.labels, one, task) for one in scores]
            details = metric_details(test.labels, list(scores), task, test.groups, intervals=affordable)
            rows.append(fewshot_row(label, support, own.pool.shape[1], found, details))
            notes += [f"test {one.note}" for one in found if one.note]
            if not classifiers.converged:
                notes.append(f"{label}, {support.shots} shots: the solver stopped short")
    return rows, notes


def _pixels(
    first: Candidate, extraction: Extraction, images: FewshotImages, config: FewshotConfig
) -> tuple[dict[str, StandardisedFeatures], list[str]]:
    """Raw pixels in the place of an encoder's features, as the first run sees images; or why there are none."""
    if not config.pixels:
        return {}, []
    problem = too_many_pixels(first, len(images.pool))
    if problem:
        return {}, [problem]
    pool, test = extraction.of_pixels(first.view, (images.pool, images.test))
    return {RAW_PIXELS: StandardisedFeatures.of(pool, test, extraction.runtime.solver_device)}, []


def _features(candidate: Candidate, extraction: Extraction, images: FewshotImages) -> StandardisedFeatures:
    pool, test = (extraction.of_part(candidate, part) for part in (images.pool, images.test))
    return StandardisedFeatures.of(pool, test, extraction.runtime.solver_device)

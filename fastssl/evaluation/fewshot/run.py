"""`fastssl fewshot`: how far trained encoders get on a few labelled images a class.

Covers: from runs and settings to a report. Does not cover: drawing images (`support.py`), the classifiers
(`fewshot_grid.py`), rows and comparisons (`fewshot_summary.py`), how results are shown (`fewshot_report.py`,
`fewshot_plot.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape

from fastssl.config import FewshotConfig, coerce_config
from fastssl.data import Source
from fastssl.errors import DataError
from fastssl.evaluation.shared.baselines import imagenet_baseline, untrained_baseline
from fastssl.evaluation.shared.candidates import NamedEncoder, open_runs, run_folder_of
from fastssl.evaluation.shared.extraction import Extraction
from fastssl.evaluation.shared.features import FeatureCache
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.evaluation.shared.metrics import evaluate
from fastssl.evaluation.shared.partition import Part, Partition, partition
from fastssl.evaluation.shared.statistics import untested
from fastssl.files import write_atomically
from fastssl.models.encoder import EncoderSpec
from fastssl.models.imagenet import LEAST_SIZE, LITE0, MISSING, is_at_hand
from fastssl.pipelines import Plain
from fastssl.runtime import resolve_runtime

from .grid import Standardised, solve_grid
from .plot import draw
from .report import FewshotResult, write_report
from .summary import pairs_of, row_of
from .support import draw_supports, overlap_notes, scarcity

METHOD = (
    "l2-regularised logistic regression on features standardised over the unlabelled training images; deviations, "
    "intervals and p-values are over draws of the labelled images alone; images that draws share are allowed for by "
    "the corrected resampled t-test (Nadeau and Bengio 2003)"
)

Runs = str | Path | Sequence[str | Path]


def fewshot(
    runs: Runs, config: FewshotConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> FewshotResult:
    """Compare encoders on a few labelled images a class; `settings` are the fields of `FewshotConfig`.

    For every number of shots and every seed, a linear classifier is solved on the frozen features of a class-balanced
    draw of training images, the same for all encoders, and scored on the whole test split: the runs, the first run's
    encoder before training, and one with ImageNet weights. Features are kept in the runs' `features/`.

    Args:
        runs: a run folder or encoder file, or several. The first one's data and data_root are the defaults.
        console: where progress and tables go; standard output by default.

    Raises:
        CheckpointError: no encoder there, or not a sound one. DataError: images without labels, with several labels
        each, or with other channels than the encoders'. ConfigError: settings that cannot be used.
    """
    config = coerce_config(FewshotConfig, config, settings)
    console = console or Console()
    paths = [Path(run) for run in ([runs] if isinstance(runs, str | Path) else runs)]
    contenders, home = open_runs(paths), run_folder_of(paths[0])
    size = config.size or max(run.spec.size for run in contenders)
    source = open_data(config, home, size, console)
    images = _images_of(source, config.seed)
    entrants = [
        _Entrant(one, config.size or one.spec.size, run_folder_of(path))
        for one, path in zip(contenders, paths, strict=True)
    ]
    others, notes = _others(config, contenders[0].spec, home)
    entrants += others
    for one in entrants:
        check_fit(one.contender, source, one.size)
    features = [_features(one, source, images, config, console) for one in entrants]
    result = _compare(entrants, features, source, images, config, notes, str((config.out or home) / "report"))
    write_report(result, Path(result.folder))
    write_atomically(Path(result.folder) / "fewshot.png", draw(result))
    result.print(console)
    console.print(f"report in {escape(result.folder)}", soft_wrap=True)
    return result


@dataclass(frozen=True)
class _Entrant:
    """An encoder, the side it sees images at, and the folder whose `features/` its features go into."""

    contender: NamedEncoder
    size: int
    home: Path


@dataclass(frozen=True)
class _Images:
    """pool: labelled training images to draw from, all that are not tested on. test: those scored."""

    parts: Partition
    pool: Part
    notes: tuple[str, ...]

    @property
    def test(self) -> Part:
        return self.parts.test

    @property
    def classes(self) -> int:
        return self.parts.classes


def _images_of(source: Source, seed: int) -> _Images:
    labels = source.splits["train"].labels
    if labels is not None and labels.ndim == 2:
        raise DataError(
            f"{source.name}: images have several labels each, so that no draw is balanced by class; few-shot "
            "comparisons need one class an image"
        )
    parts = partition(source, seed)
    return _Images(parts, _pool(parts), parts.held_out_notes())


def _pool(parts: Partition) -> Part:
    """Nothing is chosen by validation here, so what a probe holds out of train for it is drawn from as well."""
    if not parts.val_held_out:
        return parts.train
    rows = np.concatenate([parts.train.rows, parts.val.rows])
    order = np.argsort(rows)
    labels = np.concatenate([parts.train.labels, parts.val.labels])
    return Part(split="train", rows=rows[order], labels=labels[order])


def _others(config: FewshotConfig, spec: EncoderSpec, home: Path) -> tuple[list[_Entrant], tuple[str, ...]]:
    """What the runs are compared with, and notes on what that is and what could not be had."""
    size = config.size or spec.size
    found, notes = [], []
    if config.random:
        untrained, what = untrained_baseline(home, spec, config.seed)
        found.append(_Entrant(untrained, size, home))
        notes.append(what)
    if config.imagenet == "auto" and not is_at_hand(LITE0):
        notes.append(MISSING)
    elif config.imagenet != "none":
        name = LITE0 if config.imagenet == "auto" else config.imagenet
        enlarged = config.imagenet_size or max(size, LEAST_SIZE)
        contender = imagenet_baseline(name, spec.in_channels, enlarged, config.imagenet_weights)
        found.append(_Entrant(contender, enlarged, home))
        notes.append(f"{contender.label} sees the same images, resized to {enlarged} px")
    return found, tuple(notes)


def _features(
    entrant: _Entrant, source: Source, images: _Images, config: FewshotConfig, console: Console
) -> Standardised:
    label, encoder, spec = entrant.contender.label, entrant.contender.encoder, entrant.contender.spec
    runtime = resolve_runtime(config.device, config.amp, False, config.precision)
    extraction = Extraction(
        source,
        images.parts,
        Plain(entrant.size, spec.in_channels, spec.channel_mean, spec.channel_std),
        runtime,
        config.batch_size,
        console,
        FeatureCache(entrant.home / "features", lambda line: console.print(escape(line))),
    )
    pool, test = (
        extraction.of_split(encoder, spec, label, part.split)[torch.from_numpy(part.rows)]
        for part in (images.pool, images.test)
    )
    return Standardised.of(pool, test, runtime.device)


def _compare(
    entrants: Sequence[_Entrant],
    features: Sequence[Standardised],
    source: Source,
    images: _Images,
    config: FewshotConfig,
    others: tuple[str, ...],
    folder: str,
) -> FewshotResult:
    seeds = tuple(range(config.seed, config.seed + config.seeds))
    supports = draw_supports(images.pool.labels, config.shots, seeds)
    grid = solve_grid([one.pool for one in features], supports, images.classes, l2=config.l2)
    rows, notes = [], []
    for entrant, own, solved in zip(entrants, features, grid, strict=True):
        for support, classifiers in zip(supports, solved, strict=True):
            found = [evaluate(images.test.labels, one, source.task) for one in classifiers.scores(own.query)]
            rows.append(row_of(entrant.contender.label, support, own.pool.shape[1], found))
            notes += [f"test {one.note}" for one in found if one.note]
            if not classifiers.converged:
                notes.append(f"{entrant.contender.label}, {support.shots} shots: the solver stopped short")
    scarce = (*scarcity(images.pool.labels, config.shots), *overlap_notes(supports))
    pairs = pairs_of(rows)
    tests = [pair.test for pair in pairs if pair.metric == "acc"]
    notes = [*images.notes, *others, *scarce, *notes, *untested(tests), METHOD]
    return FewshotResult(
        source.name,
        source.task,
        len(images.pool),
        len(images.test),
        seeds,
        config.l2,
        tuple(rows),
        pairs,
        tuple(dict.fromkeys(notes)),
        folder,
    )

"""`fastssl finetune`: what a trained encoder is worth once it is trained on labels, or on a share of them.

Covers: from runs and settings to a report. Does not cover: the trials (`contest.py`), what the report says of them
(`summary.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from fastssl.config import FinetuneConfig, coerce_config
from fastssl.evaluation.probe.published import SOURCE, published_result
from fastssl.evaluation.shared.candidates import home_of, open_runs
from fastssl.evaluation.shared.statistics import untested
from fastssl.files import write_atomically
from fastssl.models.imagenet import LEAST_SIZE

from .candidates import line_up
from .inputs import notes_on, open_labelled
from .plots import draw
from .recipe import Recipe
from .report import FinetuneResult, write_report
from .summary import Trial, comparisons, mean_epochs, savings, summed_up
from .trial import Outcome
from .trial_grid import Contest

Runs = str | Path | Sequence[str | Path]

PER_TRAINING = (
    "deviations, intervals and p-values are over seeds, each with its own training and, of a share of the labels, its "
    "own draw, on these training and test images and no others"
)
PER_DRAW = (
    "deviations, intervals and p-values are over draws of the labelled images and over random encoders; images that "
    "draws share are allowed for by the corrected resampled t-test (Nadeau and Bengio 2003)"
)


def finetune(
    runs: Runs, config: FinetuneConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> FinetuneResult:
    """Train encoders on labels by one recipe and compare them; `settings` are the fields of `FinetuneConfig`.

    Every run, a random initialisation and, where asked for, an ImageNet encoder are trained end to end (`frozen`: a
    classifier on their features) on every label fraction, once a seed: each seed draws the same images, in the same
    batches, for all of them. The epoch is chosen by validation AUC; the test part is scored once, after that. Finished
    trials are kept in the first run's `report/` (or that of `out`), with tables and plot, and are not repeated.

    Args:
        runs: a run folder or encoder file, or several. The first one's data and data_root are the defaults.
        console: where progress and tables go; standard output by default.

    Raises:
        CheckpointError: no encoder there, or not a sound one. DataError: images without labels, or with other channels
        than the encoders'. ConfigError: settings that cannot be used. DivergenceError: a loss is not finite.
    """
    config = coerce_config(FinetuneConfig, config, settings)
    console = console or Console()
    paths = [Path(run) for run in ([runs] if isinstance(runs, str | Path) else runs)]
    contenders = open_runs(paths)
    home = home_of(paths[0])
    data = open_labelled(config, home, contenders, console)
    entrants = line_up(
        contenders,
        size=data.size,
        imagenet=config.imagenet,
        weights=config.weights,
        imagenet_size=config.imagenet_size or (max(data.size, LEAST_SIZE) if config.frozen else None),
    )
    contest = Contest(data, entrants, Recipe.of(config), config, home, console)
    result = _result(contest, contest.trials())
    write_report(result, contest.report)
    write_atomically(contest.report / f"{result.name}.png", draw(result))
    result.print(console)
    console.print(f"report in {escape(str(contest.report))}", soft_wrap=True)
    return result


def _result(contest: Contest, trials: Sequence[Trial]) -> FinetuneResult:
    data, config, entrants = contest.data, contest.config, contest.entrants
    parts = data.parts
    counts = (len(parts.train), len(parts.val), len(parts.test))
    rows, compared = summed_up(trials), comparisons(trials, entrants, contest.overlaps())
    published = published_result(data.source.name, data.size, counts)
    notes = [
        *notes_on(parts, config.seed),
        *(f"{one.label} sees the same images, resized to {one.size} px" for one in entrants if one.size != data.size),
        *(
            f"{one.label} sees but {one.size} px: --imagenet-size {LEAST_SIZE} is fairer, and slower"
            for one in entrants
            if one.kind == "ImageNet" and one.size < LEAST_SIZE
        ),
        *([SOURCE] if published else []),
        PER_DRAW if config.frozen else PER_TRAINING,
        *untested([one.test for one in compared]),
        *(note for trial in trials for note in trial.outcome.notes),
    ]
    saved = savings(rows, entrants)
    if not saved:
        notes.append("how many labels pre-training saves: give --label-fraction 1.0 and smaller ones")
    groups: dict[tuple[str, float], list[Outcome]] = {(row.contender, row.label_fraction): [] for row in rows}
    for trial in trials:
        groups[trial.contender, trial.label_fraction].append(trial.outcome)
    return FinetuneResult(
        data.source.name,
        data.source.task,
        data.size,
        *counts,
        recipe=contest.recipe.settings(),
        how=contest.recipe.describe(),
        rows=rows,
        comparisons=compared,
        savings=saved,
        published=(published.auc, published.acc) if published else None,
        curves={group: mean_epochs(outcomes) for group, outcomes in groups.items()},
        trials=tuple(trials),
        notes=tuple(dict.fromkeys(notes)),
        folder=str(contest.report),
    )

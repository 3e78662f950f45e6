"""`fastssl benchmark medmnist+`: from runs, baselines and the sets on the disk to a report.

Covers: the name of the benchmark, set after set, the result. Does not cover: the sets (`data_sets.py`), the encoders
(`encoders.py`), the trials (`trial_grid.py`), rows and means (`summary.py`), notes (`notes.py`).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config import BenchmarkConfig, coerce_config
from fastssl.console import say
from fastssl.data.labels.medmnist_table import official_counts
from fastssl.data.named.medmnist_sets import medmnist_folder
from fastssl.data.paths import expanded
from fastssl.distributed.leader import first_on_each_machine
from fastssl.distributed.world import world
from fastssl.errors import ConfigError, DataError
from fastssl.evaluation.shared.candidates import Candidate, Runs, run_folder_of, run_paths
from fastssl.evaluation.shared.partition import partition
from fastssl.evaluation.shared.report_folder import writable_report_folder
from fastssl.evaluation.shared.together import together
from fastssl.runtime import Runtime, resolve_runtime, usual_torch_state
from fastssl.training.stored_settings import CONFIG, read_settings

from .data_sets import BenchmarkSet, find_sets, open_set
from .encoders import can_take, fitted, open_candidates
from .linear import LinearRecipe
from .notes import channel_notes, protocol_line, range_notes, reading_notes, split_notes, unfinished_note
from .report import BenchmarkData, BenchmarkResult, write_benchmark_report
from .summary import mean_rows, set_rows
from .trial import NEIGHBOURS, open_trial_cache
from .trial_grid import SetGrid

NAME = "medmnist+"
NAMES = (NAME,)
"""The benchmarks that there are."""
HOME = Path("runs/medmnist-plus")
"""Folder of reports and features where there are only baselines."""


@usual_torch_state()
def benchmark(
    name: str,
    runs: Runs = (),
    config: BenchmarkConfig | None = None,
    /,
    *,
    console: Console | None = None,
    **settings: Any,
) -> BenchmarkResult:
    """Score encoders by the protocol of a published benchmark, and show its results beside.

    "medmnist+" (Doerrich et al., Scientific Reports 2025): on every MedMNIST set and size that is on the disk, the vote
    of the 11 nearest training images and a linear classifier on frozen features, by AUC and accuracy on the official
    test split. Features and finished trials are kept, so that an interrupted benchmark goes on.

    Args:
        name: of the benchmark: "medmnist+".
        runs: a run folder or encoder file, several, or none where `baseline` names an encoder.
        config: what to do; or give its fields as `settings`.
        console: where progress and tables go; standard output by default.
        **settings: the fields of `BenchmarkConfig`, in place of `config`.

    Returns:
        The scores and the published ones, also written to `report/` and printed.

    Raises:
        CheckpointError: a run or a file of weights is not there, or not sound.
        ConfigError: there is no such benchmark, flag or model, or settings that cannot be used.
        DataError: no file of a set is there, or one cannot be read.
        DivergenceError: a loss is not finite.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; finished trials are kept.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(BenchmarkConfig, config, settings)
    if name not in NAMES:
        near = difflib.get_close_matches(str(name), NAMES, n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(NAMES)}"
        raise ConfigError([f"no benchmark is called {str(name)!r}; {meant}"])
    with together(config.device, console) as own_console:
        return score_sets(run_paths(runs), config, own_console)


def score_sets(
    paths: Sequence[Path], config: BenchmarkConfig, console: Console, recipe: LinearRecipe | None = None
) -> BenchmarkResult:
    """Do what `benchmark` does, with any recipe for the linear classifiers.

    Args:
        paths: of the runs.
        config: the settings.
        console: where progress and tables go.
        recipe: None for the published one.

    Returns:
        As `benchmark`.

    Raises:
        FastSSLError: as `benchmark`.
    """
    recipe = recipe or LinearRecipe()
    home = config.out or (run_folder_of(paths[0]) if paths else HOME)
    report = writable_report_folder(config.out, home)
    found = find_sets(config, _folder(config, paths))
    candidates = open_candidates(config, paths, home)
    runtime = resolve_runtime(config.device, config.amp, False, config.precision)
    if found.left_out:
        say(console, found.left_out)
    say(console, protocol_line(config, recipe, runtime))
    data, rows, notes = [], [], [*(note for one in candidates for note in one.notes), *range_notes(candidates)]
    for one in found.sets:
        grid = _open_grid(one, candidates, config, runtime, recipe, report, console)
        notes += channel_notes(one, candidates, grid.candidates)
        if grid.candidates:
            record = _record(grid)
            notes += split_notes(grid, record)
            trials = grid.trials()
            notes += [f"{spec.title}: test {trial.note}" for spec, trial in trials if trial.note]
            notes += unfinished_note(trials, recipe)
            data.append(record)
            rows += set_rows(grid, trials, official=record.official)
    if not rows:
        raise DataError(f"no encoder takes the images of any set here; {'; '.join(dict.fromkeys(notes))}")
    result = BenchmarkResult(
        name=NAME,
        data=tuple(data),
        rows=tuple(rows),
        means=tuple(mean_rows(rows, config.classifiers, official=all(one.official for one in data))),
        seeds=config.seeds,
        recipe=asdict(recipe),
        neighbours=NEIGHBOURS,
        notes=tuple(dict.fromkeys([*notes, *reading_notes(rows)])),
        folder=str(report),
    )
    result.print(console)
    if world().leads:
        write_benchmark_report(result, report)
    say(console, f"report in {report}")
    return result


def _folder(config: BenchmarkConfig, paths: Sequence[Path]) -> Path:
    """The folder of MedMNIST files: as asked for, the first run's, or the usual one."""
    if config.data_root is not None:
        return config.data_root
    own = run_folder_of(paths[0]) if paths else None
    known = read_settings(own).get("data_root") if own is not None and (own / CONFIG).is_file() else None
    return medmnist_folder(None if known is None else expanded(str(known), "data_root"))


def _open_grid(
    one: BenchmarkSet,
    candidates: Sequence[Candidate],
    config: BenchmarkConfig,
    runtime: Runtime,
    recipe: LinearRecipe,
    report: Path,
    console: Console,
) -> SetGrid:
    def tell(line: str) -> None:
        say(console, line)

    with first_on_each_machine():  # which downloads
        source = open_set(one, tell)
    if not config.quiet:
        say(console, *source.report.lines())
    return SetGrid(
        data=one,
        source=source,
        parts=partition(source),
        candidates=tuple(
            fitted(candidate, one.size, config.fit)
            for candidate in candidates
            if can_take(candidate, source.image_shape[2])
        ),
        config=config,
        runtime=runtime,
        recipe=recipe,
        trials_done=open_trial_cache(report, tell),
        console=console,
    )


def _record(grid: SetGrid) -> BenchmarkData:
    n_train, n_val, n_test = counts = grid.parts.counts
    return BenchmarkData(
        flag=grid.data.flag,
        size=grid.data.size,
        task=grid.source.task,
        n_train=n_train,
        n_val=n_val,
        n_test=n_test,
        official=counts == official_counts(grid.data.flag),
    )

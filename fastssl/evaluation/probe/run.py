"""`fastssl probe`: what a trained encoder's frozen features are worth.

Covers: from a run and settings to a report on the trained encoder and what it is compared with. Does not cover: a row
of it (`rows.py`), few labels (`fastssl.evaluation.fewshot`), fine-tuning, comparing runs.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config import ProbeConfig, coerce_config
from fastssl.config.command_line import command_line
from fastssl.console import say
from fastssl.data.report import DataReport
from fastssl.distributed.world import world
from fastssl.evaluation.shared.baselines import RANDOM, random_baseline, seed_of
from fastssl.evaluation.shared.candidates import Candidate, open_runs, run_candidates, run_paths
from fastssl.evaluation.shared.detail_table import interval_note
from fastssl.evaluation.shared.extraction import Extraction
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.evaluation.shared.partition import partition
from fastssl.evaluation.shared.pretrained import models_asked_for, pretrained_candidates, resized_notes
from fastssl.evaluation.shared.raw_pixels import too_many_pixels
from fastssl.evaluation.shared.report_folder import report_folder
from fastssl.evaluation.shared.together import together
from fastssl.models.imagenet import LEAST_SIZE
from fastssl.runtime import resolve_runtime, usual_torch_state

from .part_shift import shift_notes
from .report import TRAINED, ProbeResult, ProbeRow, write_probe_report
from .rows import encoder_rows, pixel_rows, published_rows


@usual_torch_state()
def probe(
    run: str | Path, config: ProbeConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> ProbeResult:
    """Score an encoder by classifiers on its frozen features.

    Features are kept in the run's `features/`, results are written to its `report/` and printed.

    Args:
        run: a run folder, whose own data and data_root are the defaults, or an encoder file; the size's is its
            encoder's. Random init has the run's own seed, or `seed` where that is not known.
        config: what to do; or give its fields as `settings`.
        console: where the table goes; standard output by default.
        **settings: the fields of `ProbeConfig`, in place of `config`.

    Returns:
        The scores on the test part, and what they were measured on.

    Raises:
        CheckpointError: there is no encoder, or not a sound one.
        DataError: images without labels, or with other channels than the encoder's.
        ConfigError: settings that cannot be used.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(ProbeConfig, config, settings)
    with together(config.device, console) as own_console:
        return _probe(run, config, own_console)


def _probe(run: str | Path, config: ProbeConfig, console: Console) -> ProbeResult:
    """Do what `probe` does, with the processes that were started together."""
    paths = run_paths(run)
    (encoder,) = open_runs(paths)
    encoder = replace(encoder, label=TRAINED)
    (trained,) = run_candidates([encoder], paths, config.size)
    own_seed = seed_of(trained.folder)
    source = open_data(config, trained.folder, [encoder], trained.size, console)
    extraction = Extraction(
        source=source,
        parts=partition(source, config.seed),
        runtime=resolve_runtime(config.device, config.amp, False, config.precision),
        batch_size=config.batch_size,
        console=console,
    )
    check_fit(encoder, source, trained.size)
    start = partial(random_baseline, trained.spec)
    random = replace(trained, label=RANDOM, kind="random", start=start)
    models, missing = models_asked_for(config)
    pretrained = pretrained_candidates(models, trained, max(trained.size, LEAST_SIZE))
    for one in pretrained:
        check_fit(one.start(0), source, one.size)
    rows = (
        *encoder_rows(extraction, trained, 0),
        *encoder_rows(extraction, random, config.seed if own_seed is None else own_seed),
        *(row for one in pretrained for row in encoder_rows(extraction, one, 0)),
        *pixel_rows(extraction, trained),
        *published_rows(extraction, trained.size),
    )
    too_many = too_many_pixels(trained, len(extraction.parts.train))
    known = [note for one in pretrained for note in one.notes]
    notes = [*known, *missing, *resized_notes(pretrained, trained.size), *filter(None, [too_many])]
    result = replace(_result(extraction, trained, rows, notes), command=command_line("probe", config, [run]))
    result.print(console)
    if world().leads:
        _write(result, source.report, console)
    return result


def _write(result: ProbeResult, report: DataReport, console: Console) -> None:
    """Write the report, or say that it is not: there is no other folder for it, and the table is printed."""
    try:
        write_probe_report(result, Path(result.folder))
        report.write(Path(result.folder))
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        say(console, f"note: {result.folder}: the report is not written ({error.strerror})")


def _result(
    extraction: Extraction, trained: Candidate, rows: tuple[ProbeRow, ...], baseline_notes: Sequence[str]
) -> ProbeResult:
    parts = extraction.parts
    held_out = parts.held_out_notes("l2 chosen on {held_out}, then solved on all of train")
    n_train, n_val, n_test = parts.counts
    apart = shift_notes([row for row in rows if row.features == TRAINED], n_val, n_test)
    of_rows = [row.note for row in rows if row.note]
    notes = [*apart, *trained.notes, *held_out, *baseline_notes, *of_rows, interval_note(parts.test)]
    return ProbeResult(
        encoder=trained.spec.name,
        data=extraction.source.name,
        task=extraction.source.task,
        size=trained.size,
        n_train=n_train,
        n_val=n_val,
        n_test=n_test,
        rows=rows,
        class_names=parts.class_names,
        notes=tuple(dict.fromkeys(notes)),
        folder=str(report_folder(None, trained.folder)),
    )

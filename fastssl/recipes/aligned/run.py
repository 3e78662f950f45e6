"""`fastssl train --recipe aligned`: methods pre-trained side by side, scored by a proxy, the winner fine-tuned.

Covers: the way from settings to the result, going on anywhere. Does not cover: any of its parts (the other files here).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from fastssl.config.aligned import IMAGENET, AlignedConfig
from fastssl.config.command_line import command_line
from fastssl.distributed.leader import everyone_here
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.report_folder import REPORT
from fastssl.threads import use_threads
from fastssl.training.own_folder import owned
from fastssl.training.run_folder import ENCODER, check_place, claim_recipe, folder_of, holds_run, release_recipe
from fastssl.training.stored_settings import settings_to_resume
from fastssl.training.timed_steps import Clock

from .comparison import Comparison, introduce, open_comparison
from .costs import CostLedger
from .patches import FILE as PATCHES
from .pretraining import PreTrainer, PreTraining
from .report import AlignedResult
from .scoring import score_and_finetune

COSTS = "aligned-costs.json"


def train_aligned(
    config: AlignedConfig,
    console: Console,
    *,
    clock: Clock = time.monotonic,
    now: Callable[[], float] = time.time,
) -> AlignedResult:
    """Pre-train methods for equal times, score them on the target task, and fine-tune the winner.

    Args:
        config: what was asked for.
        console: where progress and tables go.
        clock: what budgets of minutes are measured by.
        now: the time in seconds since 1970, by which costs are counted.

    Returns:
        The comparison as far as it has come.

    Raises:
        ConfigError: a setting that cannot be used; nothing was written.
        DataError: images that cannot be used; nothing was written.
        CheckpointError: no recipe to resume, or weights that cannot be read.
        KeyboardInterrupt: Ctrl-C or SIGTERM came after pre-training; what was finished is kept.
    """
    folder, command = _folder_of(config), command_line("train", config)
    with owned(folder, lambda: check_place(folder, config)):
        if config.resume:
            resumed = settings_to_resume(folder, config)
            if not isinstance(resumed, AlignedConfig):
                raise ConfigError([f"out={str(folder)!r}: holds another run; give another --out"])
            config = resumed
        with use_threads(config.threads_to_use):
            return _compare(open_comparison(config, folder, console), command, console, clock, now)


def _folder_of(config: AlignedConfig) -> Path:
    """The folder asked for, or one named after the images."""
    if config.out is not None or config.images is None:
        return folder_of(config)
    return Path("runs") / f"aligned-{config.images.resolve().name}"


def _compare(
    comparison: Comparison, command: str, console: Console, clock: Clock, now: Callable[[], float]
) -> AlignedResult:
    config, folder, target = comparison.config, comparison.folder, comparison.target
    introduce(comparison, console)
    if world().leads:
        if not config.resume:
            claim_recipe(folder, config, command)
            for left in (folder / PATCHES, folder / IMAGENET / ENCODER):  # of an earlier comparison
                left.unlink(missing_ok=True)
        target.source.report.write(folder)
    everyone_here()
    target.write_data()
    ledger = CostLedger(folder / REPORT / COSTS, now)
    trainer = PreTrainer(source=target.source, runtime=comparison.runtime, ledger=ledger, console=console, clock=clock)
    pretraining = trainer.train_all(comparison.methods, config.stop_after)
    result = AlignedResult(
        folder=folder,
        task="segmentation" if config.segments else "classification",
        metric=target.metric,
        data=target.name,
        notes=comparison.notes,
        stopped_by=pretraining.stopped_by,
    )
    if not pretraining.finished:
        return result
    if not pretraining.trained:
        _give_up(folder, pretraining)
    return score_and_finetune(comparison, pretraining, ledger, result, console)


def _give_up(folder: Path, pretraining: PreTraining) -> None:
    """End where every method has failed; where none has begun, as if nothing had been asked for."""
    if world().leads and not any(holds_run(folder / name) for name in pretraining.left_out):
        shutil.rmtree(folder / REPORT, ignore_errors=True)
        (folder / PATCHES).unlink(missing_ok=True)
        release_recipe(folder)
    raise ConfigError([f"{name}: {problem}" for name, problem in pretraining.left_out.items()])

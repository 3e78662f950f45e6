"""The lines that a run prints.

Covers: what is trained and why so, before the first step; how the run ended. Does not cover: the bar while it goes on
(`progress.py`), what its heads have learnt (`conclusion.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from fastssl.console import say
from fastssl.distributed.world import world
from fastssl.runtime import ResolvedSetting
from fastssl.training.build import TrainingRun
from fastssl.training.fit import TrainResult


def introduce(console: Console, run: TrainingRun, folder: Path, reasons: Iterable[ResolvedSetting]) -> None:
    """Print what is trained, and one line for every setting that was resolved, but for what the data's own block says.

    Args:
        console: where to.
        run: that begins or goes on.
        folder: of the run.
        reasons: of the run and its runtime.
    """
    say(console, f" on {run.source.name}: {run.settings.encoder}, into {folder}", topic=run.settings.stage)
    show_settings(console, (setting for setting in reasons if setting.name != "value_range"))


def processes(batch_size: int) -> tuple[ResolvedSetting, ...]:
    """Say how many processes train together.

    Args:
        batch_size: images per step, of all of them.

    Returns:
        A setting, or none where there is one process.
    """
    size = world().size
    reason = f"{batch_size // size} images of every step each; rank 0 writes and speaks"
    return () if size == 1 else (ResolvedSetting(name="processes", value=str(size), reason=reason),)


def show_settings(console: Console, settings: Iterable[ResolvedSetting]) -> None:
    """Print one line for every setting that was resolved: its name, its value, its reason.

    Args:
        console: where to.
        settings: in the order in which they are shown.
    """
    for setting in settings:
        say(console, f"  {setting.name:<12} {setting.value:<11} ", aside=setting.reason)


def conclude(console: Console, result: TrainResult, signal: str | None) -> None:
    """Print how a run ended, and how fast it was.

    Args:
        console: where to.
        result: of the run.
        signal: the name of the signal that stopped it, if one did.
    """
    speed = f"{result.images_per_second:,.0f} images/s, data-wait {result.data_wait:.1%}"
    if result.watched is not None:
        best = result.best
        compared = f", best after step {best.step}" if best is not None and best.step != result.watched.step else ""
        say(console, f"monitor: {result.watched} after step {result.watched.step}{compared}")
    if result.finished:
        say(console, f"done: {result.total_steps} steps, {speed}; encoder in {result.encoder}")
        return
    why = f"{signal}: " if signal else ""
    say(console, f"{why}stopped and saved at step {result.step} of {result.total_steps} ({speed}); go on with --resume")

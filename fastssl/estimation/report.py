"""An estimate as lines for a person.

Covers: what each figure is called and what is said of it. Does not cover: JSON (`result.py`), measuring.
"""

from __future__ import annotations

from collections.abc import Iterator

from .result import Estimate, StageEstimate
from .words import size_text, time_text

SHOWN = ("device", "threads", "processes", "precision", "compile", "pipeline", "length")
"""Of what was resolved, the settings that the figures depend on most."""
NOISY = 1.1
"""Mean by median of steps from which their difference is said."""
CHANGES = (
    "another batch is another training: automatic lr, number of steps and a contrastive loss's negatives follow it"
)


def estimate_lines(estimate: Estimate) -> list[str]:
    """Write an estimate as aligned lines: name, value, what it is made of.

    Args:
        estimate: to be shown.

    Returns:
        The lines; those of a recipe by stage, and then their sum.
    """
    lines: list[str] = []
    for number, stage in enumerate(estimate.stages, start=1):
        place = f"{number}/{len(estimate.stages)} " if len(estimate.stages) > 1 else ""
        lines.append(f"{place}{stage.stage} on {estimate.data}: {stage.encoder}, {stage.batch_size} images per step")
        shown = SHOWN if number == 1 else ("length",)  # the rest is as in the first stage
        lines += [_line(one.name, one.value, one.reason) for one in stage.reasons if one.name in shown]
        lines += [_line(*row) for row in _stage_rows(stage, estimate)]
    if len(estimate.stages) > 1:
        lines.append(f"{estimate.recipe}, all stages")
        lines.append(_line("time", time_text(estimate.seconds), _sum_of(estimate)))
        folder = sum(stage.disk.folder for stage in estimate.stages)
        lines.append(_line("disk", size_text(folder), "the folders of all stages"))
    lines.append(f"nothing was written to {estimate.folder}")
    return lines


def _stage_rows(stage: StageEstimate, estimate: Estimate) -> Iterator[tuple[str, str, str]]:
    yield _speed(stage)
    yield _limit(stage)
    opening = estimate.opening_seconds if len(estimate.stages) == 1 else 0.0
    yield "time", time_text(opening + stage.seconds), _parts_of_time(stage, opening)
    yield from _memory(stage, estimate)
    yield _disk(stage)
    if stage.largest_batch is not None:
        found = stage.largest_batch
        yield "batch", "-" if found.images is None else f"up to {found.images:,}", found.reason
        if found.images is not None:
            yield "", "", CHANGES


def _speed(stage: StageEstimate) -> tuple[str, str, str]:
    speed = stage.speed
    half = f"median of {speed.timed} steps, half of them {speed.slow:,.0f} to {speed.fast:,.0f}"
    mean = stage.batch_size / speed.step_seconds
    uneven = mean * NOISY < speed.images_per_second or speed.images_per_second * NOISY < mean
    told = f"; the mean, by which the time is computed, {mean:,.0f}" if uneven else ""
    return (
        "speed",
        f"{speed.images_per_second:,.0f} images/s",
        f"{half}{told}; {_milliseconds(speed.step_seconds)} a step",
    )


def _limit(stage: StageEstimate) -> tuple[str, str, str]:
    speed = stage.speed
    what = "the loader" if speed.limit == "loader" else "the step"
    alone = f"batches alone come at {speed.loader_images_per_second:,.0f} images/s"
    return "limit", what, f"waiting for batches takes {speed.data_wait:.1%} of the time; {alone}"


def _parts_of_time(stage: StageEstimate, opening: float) -> str:
    training = stage.steps * stage.speed.step_seconds
    parts = [f"set-up {time_text(opening + stage.setup_seconds)}", f"{stage.steps:,} steps {time_text(training)}"]
    parts.append(f"{stage.disk.checkpoints} checkpoints {time_text(stage.checkpoint_seconds)}")
    if stage.monitor_seconds:
        parts.append(f"the monitor at most {time_text(stage.monitor_seconds)}")
    return ", ".join(parts)


def _memory(stage: StageEstimate, estimate: Estimate) -> Iterator[tuple[str, str, str]]:
    memory = stage.memory
    whose = " of rank 0" if estimate.processes > 1 else ""
    if memory.host is not None:
        own = "" if memory.before is None else f"{size_text(memory.before)} before the data are opened; "
        total = size_text(memory.host + memory.snapshot)
        yield "memory", total, f"peak{whose}; {own}{size_text(memory.snapshot)} while a checkpoint is written"
    if memory.device is not None and memory.reserved is not None:
        yield "GPU memory", size_text(memory.reserved), f"peak{whose}, of which tensors {size_text(memory.device)}"


def _disk(stage: StageEstimate) -> tuple[str, str, str]:
    disk = stage.disk
    also = f"a checkpoint has {size_text(disk.checkpoint)}, and one more is there while it is written"
    return "disk", size_text(disk.folder), f"the run's folder; {also}"


def _sum_of(estimate: Estimate) -> str:
    stages = ", ".join(f"{stage.stage} {time_text(stage.seconds)}" for stage in estimate.stages)
    return f"data {time_text(estimate.opening_seconds)}, {stages}; the evaluation at the end is not in it"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"


def _line(name: str, value: str, reason: str) -> str:
    return f"  {name:<12} {value:<14} {reason}"

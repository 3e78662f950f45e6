"""The largest batch that fits into the host's memory, where the host computes.

Covers: a straight line through the peaks of three batch sizes, and the memory that is there. Does not cover: measuring
one peak (`peak_process.py`), GPUs (`gpu_batches.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from fastssl.config.train import TrainConfig
from fastssl.text import shortened

from .batch_sizes import grain_of
from .memory_line import MemoryLine, line_through
from .peak_process import PeakError
from .result import LargestBatch
from .words import size_text

SLOW_STEP = 1.0
"""Seconds of a step from which smaller batches than the asked one are tried, instead of larger ones."""
SHARE = 0.9
"""Of the memory that a batch may fill; the rest is for what comes besides: the system, evaluations, other programs."""

Peak = Callable[[TrainConfig], int]


def largest_on_host(
    config: TrainConfig, *, images: int, memory: int | None, step_seconds: float, peak_of: Peak
) -> LargestBatch:
    """Find the largest batch that fits, from the peaks of a few.

    Args:
        config: of one stage.
        images: for training; a batch has no image twice.
        memory: bytes that a training may take, if it is known.
        step_seconds: of a step of the asked batch.
        peak_of: measures the peak of a configuration, in bytes, or raises PeakError.

    Returns:
        What was found.
    """
    if memory is None:
        return _unknown("this system does not say how much memory is free")
    peaks, refused = {}, ""
    for batch in tried_sizes(config.batch_size, images, step_seconds):
        try:
            peaks[batch] = peak_of(config.model_copy(update={"batch_size": batch}))
        except PeakError as error:
            refused = f"batch {batch}: {shortened(str(error), 120)}"
    if len(peaks) < 2:
        return _unknown(refused or f"{images} images allow one batch size alone")
    grain = grain_of(config.batch_size)
    return largest_by(line_through(peaks), sorted(peaks), images=images, memory=memory, grain=grain)


def largest_by(line: MemoryLine, tried: list[int], *, images: int, memory: int, grain: int = 1) -> LargestBatch:
    """Find the largest batch by a line of memory.

    Args:
        line: through the peaks.
        tried: the batch sizes that it goes through.
        images: for training.
        memory: bytes that a training may take.
        grain: what the batch is a multiple of, if it is larger than that.

    Returns:
        What was found.
    """
    sizes = ", ".join(map(str, tried))
    how = f"extrapolated from the peaks at {sizes}: {size_text(line.per_image)} per image and {size_text(line.fixed)}"
    room = f"{SHARE:.0%} of {size_text(memory)}"
    fits = line.largest(SHARE * memory)
    if fits is None or fits >= images:
        would = f"{size_text(line.at(images))} of memory" if fits else "memory that does not grow with it"
        return LargestBatch(
            images=images, limit="images", method="extrapolated", reason=f"all training images; {would}, {how}"
        )
    fits = fits if fits < grain else fits // grain * grain
    if fits < 2:
        return LargestBatch(images=None, limit="memory", method="extrapolated", reason=f"none fits {room}; {how}")
    return LargestBatch(images=fits, limit="memory", method="extrapolated", reason=f"fits {room}; {how}")


def tried_sizes(asked: int, images: int, step_seconds: float) -> list[int]:
    """Choose the batch sizes whose peaks are measured: the asked one, and twice and four times, or half and a quarter.

    Args:
        asked: the batch size.
        images: for training.
        step_seconds: of a step of the asked batch.

    Returns:
        Two or three sizes in growing order; fewer where there are hardly any images.
    """
    larger = [size for size in (2 * asked, 4 * asked) if size <= images]
    smaller = [size for size in (asked // 4, asked // 2) if size >= 2]
    return [*smaller, asked, *(larger if step_seconds < SLOW_STEP else [])][-3:]


def _unknown(reason: str) -> LargestBatch:
    return LargestBatch(images=None, limit=None, method=None, reason=f"not found: {reason}")

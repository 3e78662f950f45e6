"""The largest batch on a CPU: which sizes are measured, what is said of the result."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastssl.config.train import TrainConfig
from fastssl.estimation.host_batches import SHARE, largest_on_host, tried_sizes
from fastssl.estimation.peak_process import PeakError
from fastssl.estimation.result import LargestBatch

FIXED, PER_IMAGE = 400_000_000, 250_000


def peak(config: TrainConfig) -> int:
    return FIXED + PER_IMAGE * config.batch_size


def largest(
    memory: int | None, images: int = 10**6, peak_of: Callable[[TrainConfig], int] = peak, batch: int = 128
) -> LargestBatch:
    config = TrainConfig(batch_size=batch)
    return largest_on_host(config, images=images, memory=memory, step_seconds=0.1, peak_of=peak_of)


def test_it_is_where_the_peaks_line_fills_the_share_of_the_memory() -> None:
    found = largest(memory=2_000_000_000)
    exact = (SHARE * 2_000_000_000 - FIXED) / PER_IMAGE
    assert found.images == exact // 64 * 64 == 5568
    assert (found.limit, found.method) == ("memory", "extrapolated")
    assert found.reason.startswith("fits 90% of 2.0 GB; extrapolated from the peaks at 128, 256, 512: 250 kB per image")


def test_it_is_at_most_all_images() -> None:
    found = largest(memory=2_000_000_000, images=2000)
    assert (found.images, found.limit) == (2000, "images")
    assert found.reason.startswith("all training images; 900 MB of memory")


def test_where_not_even_two_images_fit_it_says_so() -> None:
    found = largest(memory=FIXED)
    assert (found.images, found.limit) == (None, "memory")
    assert found.reason.startswith("none fits 90% of 400 MB")


def test_memory_that_does_not_grow_holds_all_images() -> None:
    found = largest(memory=FIXED, images=4000, peak_of=lambda config: FIXED)
    assert (found.images, found.limit) == (4000, "images")


def test_sizes_that_cannot_be_trained_on_are_left_out_and_told_where_too_few_are_left() -> None:
    def refusing(config: TrainConfig) -> int:
        if config.batch_size > 128:
            raise PeakError("bn_splits=128: must divide batch_size")
        return peak(config)

    found = largest(memory=10**9, peak_of=refusing)
    assert (found.images, found.method) == (None, None)
    assert found.reason == "not found: batch 512: bn_splits=128: must divide batch_size"


def test_a_system_that_does_not_tell_its_memory_is_told_of() -> None:
    assert largest(memory=None).reason == "not found: this system does not say how much memory is free"


@pytest.mark.parametrize(
    ("asked", "images", "seconds", "sizes"),
    [
        (128, 10_000, 0.1, [128, 256, 512]),
        (128, 10_000, 9.0, [32, 64, 128]),
        (128, 300, 0.1, [64, 128, 256]),
        (128, 128, 0.1, [32, 64, 128]),
        (2, 3, 0.1, [2]),
    ],
)
def test_small_steps_are_measured_larger_and_slow_ones_smaller(
    asked: int, images: int, seconds: float, sizes: list[int]
) -> None:
    assert tried_sizes(asked, images, seconds) == sizes

"""Peak memory as a straight line over the batch size."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.estimation.memory_line import MemoryLine, line_through


def test_a_line_through_peaks_of_a_known_line_is_that_line() -> None:
    line = line_through({batch: 5e8 + 2e5 * batch for batch in (32, 64, 128)})
    assert (line.fixed, line.per_image) == (pytest.approx(5e8), pytest.approx(2e5))
    assert line.at(1000) == pytest.approx(7e8)


def test_noise_on_the_peaks_moves_the_line_as_least_squares_do() -> None:
    random = np.random.default_rng(0)
    batches = np.array([64, 128, 256])
    peaks = 1e9 + 3e6 * batches + random.normal(0, 1e6, 3)
    line = line_through(dict(zip(batches.tolist(), peaks.tolist(), strict=True)))
    design = np.stack([batches, np.ones(3)], axis=1)
    slope, fixed = np.linalg.solve(design.T @ design, design.T @ peaks)  # the normal equations
    assert (line.per_image, line.fixed) == (pytest.approx(slope), pytest.approx(fixed))


@pytest.mark.parametrize(("memory", "images"), [(7e8, 1000), (5e8, 0), (1e8, 0), (5.0041e8, 2)])
def test_the_largest_batch_is_where_the_line_meets_the_limit(memory: float, images: int) -> None:
    assert MemoryLine(fixed=5e8, per_image=2e5).largest(memory) == images


def test_memory_that_does_not_grow_has_no_largest_batch() -> None:
    assert MemoryLine(fixed=5e8, per_image=-3.0).largest(1e9) is None


def test_one_point_makes_no_line() -> None:
    with pytest.raises(ValueError, match="two points, got 1"):
        line_through({32: 1e9})

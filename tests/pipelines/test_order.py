"""Epochs shuffled within windows: every sample once, mixed within a window, and a function of the position alone."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.pipelines.order import WholeOrder, WindowedOrder
from fastssl.pipelines.share import Share

SIZES = pytest.mark.parametrize(
    ("count", "window", "block"), [(1000, 300, 50), (1003, 300, 50), (1003, 40, 64), (64, 63, 1), (7, 3, 2)]
)


@SIZES
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_epoch_has_every_sample_once(count: int, window: int, block: int, shuffle: bool) -> None:
    order = WindowedOrder(3, count, window=window, block=block, shuffle=shuffle)
    epochs = [order.samples(epoch, 0, count) for epoch in range(3)]
    for samples in epochs:
        np.testing.assert_array_equal(np.sort(samples), np.arange(count))
    assert shuffle != np.array_equal(epochs[0], epochs[1])
    assert shuffle != np.array_equal(epochs[0], np.arange(count))


@SIZES
def test_a_sample_depends_on_its_position_and_not_on_what_was_asked_before(count: int, window: int, block: int) -> None:
    whole = WindowedOrder(3, count, window=window, block=block).samples(5, 0, count)
    fresh = WindowedOrder(3, count, window=window, block=block)
    for start in np.random.default_rng(0).permutation(count)[:50]:
        stop = min(count, start + 11)
        np.testing.assert_array_equal(fresh.samples(5, start, stop), whole[start:stop])


def test_a_window_is_made_of_whole_blocks_from_all_over_the_data() -> None:
    order = WindowedOrder(0, 10_000, window=1000, block=50)
    for number in range(order.windows):
        samples = order.window(0, number).samples
        blocks, counts = np.unique(samples // 50, return_counts=True)
        assert len(samples) == 1000
        assert (counts == 50).all()
        assert np.ptp(blocks) > 100  # of 200
        assert not np.array_equal(samples, np.sort(samples))


def test_within_a_window_every_order_is_as_likely() -> None:
    """The mean place of each sample over many epochs, against the standard error of a uniform place."""
    order = WindowedOrder(0, 64, window=63, block=1)
    epochs = 2000
    places = np.array([np.argsort(order.samples(epoch, 0, 64)) for epoch in range(epochs)])
    error = np.sqrt((64**2 - 1) / 12 / epochs)
    assert abs(places.mean(axis=0) - 31.5).max() < 4 * error


def test_one_window_that_holds_all_is_the_whole_shuffle() -> None:
    windowed = WindowedOrder(9, 500, window=512, block=16)
    whole = WholeOrder(9, 500, shuffle=True)
    for epoch in range(3):
        np.testing.assert_array_equal(windowed.samples(epoch, 0, 500), whole.samples(epoch, 0, 500))


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
@pytest.mark.parametrize("samples", [96, 101, 98])
def test_the_ranks_parts_of_a_batch_are_numpys(world_size: int, samples: int) -> None:
    for first in range(0, samples, 24):
        batch = np.arange(first, min(first + 24, samples))
        for rank, expected in enumerate(np.array_split(batch, world_size)):
            found = np.arange(*Share(rank, world_size).part(batch[0], batch[-1] + 1))
            np.testing.assert_array_equal(found, expected if len(expected) else batch[[rank % len(batch)]])


@pytest.mark.parametrize("world_size", [1, 3])
def test_a_rank_needs_its_parts_of_the_batches_that_reach_into_a_window(world_size: int) -> None:
    needed = [Share(rank, world_size).positions(30, 77, 24, 101) for rank in range(world_size)]
    np.testing.assert_array_equal(np.sort(np.concatenate(needed)), np.arange(30, 77))
    for rank, own in enumerate(needed):
        batches = [np.array_split(np.arange(first, first + 24), world_size)[rank] for first in (24, 48, 72)]
        np.testing.assert_array_equal(own, [place for part in batches for place in part if 30 <= place < 77])

"""The search for the largest batch, against all sizes tried one by one."""

from __future__ import annotations

import itertools

import pytest

from fastssl.estimation.batch_sizes import COARSEST, FINENESS, grain_of, largest_that_fits


@pytest.mark.parametrize("begin", [2, 32, 100, 128, 4096])
@pytest.mark.parametrize("room", [2, 3, 31, 127, 128, 129, 777, 5000, 10**6])
def test_the_largest_that_fits_is_found_within_the_fineness(begin: int, room: int) -> None:
    most, tried = 20_000, []
    found, more = largest_that_fits(lambda size: tried.append(size) or size <= room, begin, most)
    best = min(room, most)
    grain = grain_of(begin)
    assert found is not None
    assert found in tried
    assert found <= best
    assert found == best or best - found <= max(1, best * FINENESS, grain)
    assert not more
    assert len(tried) <= 20
    assert len(set(tried)) == len(tried)


def test_sizes_between_two_that_were_tried_can_be_divided_as_the_asked_one() -> None:
    tried: list[int] = []
    largest_that_fits(lambda size: tried.append(size) or size <= 3000, 96, 100_000)
    assert tried[:7] == [96, 192, 384, 768, 1536, 3072, 2304]
    assert {size % 32 for size in tried} == {0}


@pytest.mark.parametrize(("size", "grain"), [(128, COARSEST), (96, 32), (100, 4), (7, 1)])
def test_a_grain_is_a_power_of_two_that_divides_the_batch(size: int, grain: int) -> None:
    assert grain_of(size) == grain


def test_where_nothing_fits_nothing_is_found() -> None:
    tried: list[int] = []
    assert largest_that_fits(lambda size: bool(tried.append(size)), 64, 1000) == (None, False)
    assert tried == [64, 32, 16, 8, 4, 2]


def test_a_search_without_time_left_says_that_there_may_be_larger_ones() -> None:
    ticks = itertools.count()
    assert largest_that_fits(lambda size: True, 8, 10**6, lambda: next(ticks) < 3) == (64, True)

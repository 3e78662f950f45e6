"""What is said about the range of a set's values."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.values.range_words import describe_depth, describe_range, share_outside
from fastssl.data.values.value_range import ValueRange
from fastssl.data.values.value_span import ValueSpan


def spans(*arrays: np.ndarray) -> list[ValueSpan]:
    return [ValueSpan.of(array) for array in arrays]


def values(lowest: float, highest: float, dtype: str) -> np.ndarray:
    return np.array([lowest, highest], dtype)


@pytest.mark.parametrize(
    ("found", "dtype", "setting", "words"),
    [
        (None, "u1", None, "0 to 255"),
        (ValueRange(low=0, high=4095), "u2", None, "0 to 4095, found in the images"),
        (ValueRange(low=0, high=4095), "u1", "0,4095", "0 to 255"),
        (ValueRange(low=0, high=65535), "u2", "full", "0 to 65535, the whole type"),
        (ValueRange(low=-1024, high=3071), "i2", "-1024,3071", "-1024 to 3071, as given"),
        (ValueRange(low=0, high=63), "u1", None, "0 to 63, found in the images"),
        (ValueRange(low=0.25, high=1.5), "f4", None, "0.25 to 1.5, found in the images"),
    ],
)
def test_a_range_is_said_with_where_it_comes_from(found, dtype, setting, words):
    assert describe_range(found, spans(values(0, 3, dtype)), setting) == words


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ([values(0, 255, "u1")], "8 bit"),
        ([values(0, 63, "u1")], "6 bit in 8"),
        ([values(0, 4095, "u2")], "12 bit in 16"),
        ([values(0, 65535, "u2")], "16 bit"),
        ([values(-1024, 3071, "i2")], "16 bit, signed"),
        ([values(0, 1, "f4")], "32-bit float"),
        ([values(0, 255, "u1"), values(0, 4095, "u2")], "8 and 16 bit"),
        ([values(0, 0, "u1")], "8 bit"),
    ],
)
def test_the_depth_is_that_of_the_type_and_of_what_is_used(arrays, words):
    assert describe_depth(spans(*arrays)) == words


def test_the_share_outside_of_a_range_is_counted():
    ten = np.arange(10, dtype=np.uint16)
    assert share_outside(ten, ValueRange(low=2, high=6)) == 0.5
    assert share_outside(ten, ValueRange(low=0, high=9)) == share_outside(ten, None) == 0.0
    assert share_outside(np.arange(10, dtype=np.uint8), ValueRange(low=2, high=4095)) == 0.0

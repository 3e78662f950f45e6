"""The range of a set's values: found, given, applied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from fastssl.data.values.value_range import (
    ValueRange,
    check_one_kind,
    find_range,
    levels_dtype,
    ranged_span,
    resolve_range,
    to_levels,
)
from fastssl.data.values.value_span import ValueSpan, describe_marks
from fastssl.errors import DataError

RANDOM = np.random.default_rng(0)


def spread(dtype: str, low: float, high: float) -> np.ndarray:
    """Values of a type that go from one to the other and take both."""
    if np.dtype(dtype).kind == "f":
        return np.append(RANDOM.uniform(low, high, 2000), (low, high)).astype(dtype)
    return np.append(RANDOM.integers(low, high, 2000, endpoint=True), (low, high)).astype(dtype)


def found(*arrays: np.ndarray) -> tuple[float, float] | None:
    value_range = find_range([ValueSpan.of(array) for array in arrays])
    return None if value_range is None else (value_range.low, value_range.high)


@pytest.mark.parametrize(
    ("dtype", "low", "high", "expected"),
    [
        ("uint8", 0, 255, None),
        ("uint8", 30, 128, None),
        ("uint8", 0, 63, (0, 63)),
        ("uint8", 3, 40, (0, 63)),
        ("uint8", 0, 1, (0, 1)),
        ("uint16", 0, 65535, (0, 65535)),
        ("uint16", 500, 4000, (0, 4095)),
        ("uint16", 0, 1023, (0, 1023)),
        ("uint16", 0, 255, (0, 255)),
        ("uint16", 12, 16000, (0, 16383)),
        ("uint16", 31744, 35839, (31744, 35839)),
        ("uint16", 61440, 65535, (61440, 65535)),
        ("uint32", 0, 4095, (0, 4095)),
        ("uint32", 0, 2**32 - 1, (0, 2**32 - 1)),
        ("int16", 0, 4000, (0, 4095)),
        ("int16", -1024, 3071, (-1024, 3071)),
        ("int32", -5, 70000, (-5, 70000)),
        ("float32", 0, 1, (0, 1)),
        ("float32", 0.25, 0.5, (0, 1)),
        ("float32", 0, 255, (0, 255)),
        ("float32", 0, 1.5, (0, 255)),
        ("float32", 0, 4095, (0, 4095)),
        ("float32", -2, 3, (-2, 3)),
    ],
)
def test_the_range_goes_by_the_bits_that_are_used_or_by_the_extremes(dtype, low, high, expected):
    assert found(spread(dtype, low, high)) == expected


def test_the_range_is_that_of_all_files_together():
    assert found(spread("uint16", 0, 900), spread("uint16", 0, 4000)) == (0, 4095)
    assert found(spread("int16", 0, 900), spread("int16", -500, 4)) == (-500, 900)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ([spread("uint8", 0, 255), spread("uint16", 0, 4000)], (0, 4095)),
        ([spread("uint8", 0, 255), spread("uint16", 0, 250)], (0, 255)),
        ([spread("uint8", 0, 60), spread("uint16", 0, 60)], (0, 63)),
    ],
)
def test_8_bit_files_do_not_count_where_wider_values_are_mixed_in(arrays, expected):
    assert found(*arrays) == expected


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("uint8", 7, None),
        ("uint8", 0, None),
        ("uint16", 40, (0, 65535)),
        ("int16", -3, (-32768, 32767)),
        ("float32", 0, (0, 1)),
        ("float32", 9, (0, 255)),
        ("float32", 1000, (1000, 2000)),
        ("float32", 1e20, (float(np.float32(1e20)), 2 * float(np.float32(1e20)))),
        ("float32", -7, (-7, 0)),
    ],
)
def test_a_constant_set_has_the_full_range_of_its_type(dtype, value, expected):
    assert found(np.full((4, 4), value, dtype)) == expected


@pytest.mark.parametrize(
    ("array", "marks", "value", "expected"),
    [
        (spread("uint16", 0, 4000), 5, 65535, (0, 4095)),
        (spread("uint16", 0, 4000), 900, 65535, (0, 4095)),
        (spread("uint16", 0, 30000), 5, 65535, (0, 32767)),
        (spread("uint16", 0, 30000), 900, 65535, (0, 65535)),
        (spread("uint16", 0, 60000), 5, 65535, (0, 65535)),
        (spread("uint16", 31744, 35839), 900, 0, (31744, 35839)),
        (spread("int16", -1024, 3071), 900, -32768, (-1024, 3071)),
        (spread("int16", -1024, 3071), 5, 32767, (-1024, 3071)),
        (spread("float32", -1, 1), 900, np.finfo(np.float32).min, (-1, 1)),
    ],
)
def test_marks_and_padding_do_not_widen_the_range_and_are_told(array, marks, value, expected):
    marked = array.copy()
    marked[10 : 10 + marks] = value
    assert found(marked) == expected
    told = describe_marks(ValueSpan.of(marked))
    assert len(told) == (value not in expected)
    assert all(f"the value {value:.9g} (" in line for line in told)


def test_masks_of_two_values_have_no_marks():
    assert found(np.array([0, 65535], np.uint16)) == (0, 65535)
    assert describe_marks(ValueSpan.of(np.array([0, 1, 2, 65535], np.uint16))) == []


def test_the_span_of_many_arrays_is_that_of_one():
    arrays = [spread("int16", -40, 30), np.full(9, -32768, np.int16), spread("int16", 5, 32767)]
    assert ValueSpan.joined([ValueSpan.of(array) for array in arrays]) == ValueSpan.of(np.concatenate(arrays))


@pytest.mark.parametrize(
    ("setting", "dtype", "high", "expected"),
    [
        (None, "uint16", 4000, "0,4095"),
        (None, "uint8", 200, None),
        ("full", "uint16", 4000, "0,65535"),
        ("full", "uint8", 60, None),
        ("full", "int16", 60, "-32768,32767"),
        ("10,90", "uint8", 200, "10,90"),
        ("0,255", "uint8", 60, None),
        ("0,4095", "uint8", 200, None),
        ("0,255", "uint16", 4000, "0,255"),
    ],
)
def test_a_setting_is_found_full_or_given(setting, dtype, high, expected):
    value_range = resolve_range(setting, [ValueSpan.of(spread(dtype, 0, high))])
    assert (None if value_range is None else str(value_range)) == expected


def test_floats_have_no_full_range():
    with pytest.raises(DataError, match="float images have no full range; give --value-range LOW,HIGH"):
        resolve_range("full", [ValueSpan.of(spread("float32", 0, 1))])


@pytest.mark.parametrize("array", [spread("uint32", 2**31, 2**31 + 9999), spread("float32", 0.1, 12345.678)])
def test_what_is_kept_as_text_is_the_range_that_is_used(array):
    value_range = resolve_range(None, [ValueSpan.of(array)])
    assert ValueRange.parse(str(value_range)) == value_range


def test_sets_of_two_kinds_are_refused_with_one_of_each():
    spans = {
        name: ValueSpan.of(spread(dtype, low, 90))
        for name, dtype, low in [("a", "float32", 0), ("b", "uint16", 0), ("c", "int16", -5), ("d", "uint8", 0)]
    }
    with pytest.raises(DataError, match="a holds floats and b whole numbers"):
        check_one_kind(spans)
    del spans["a"]
    with pytest.raises(DataError, match=r"c holds negative values and b has a type without a sign.*--value-range"):
        check_one_kind(spans)
    check_one_kind(spans, "-5,90")
    del spans["c"]
    check_one_kind(spans)


@pytest.mark.parametrize(
    ("dtypes", "value_range", "expected"),
    [
        (["uint8"], None, "uint8"),
        (["uint8"], ValueRange(low=0, high=63), "uint8"),
        (["uint16"], ValueRange(low=0, high=255), "uint8"),
        (["uint8", "uint16"], ValueRange(low=0, high=255), "uint8"),
        (["uint16"], ValueRange(low=0, high=4095), "uint16"),
        (["uint8", "uint16"], ValueRange(low=0, high=65535), "uint16"),
        (["float32"], ValueRange(low=0, high=255), "uint16"),
    ],
)
def test_levels_have_8_bits_where_these_hold_every_value(dtypes, value_range, expected):
    spans = [ValueSpan.of(spread(dtype, 0, 200)) for dtype in dtypes]
    assert levels_dtype(spans, value_range) == expected


@pytest.mark.parametrize("level", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("uint8", 10, 60),
        ("uint16", 0, 4095),
        ("uint16", 300, 900),
        ("int16", -1024, 3071),
        ("int32", -9, 70000),
        ("uint32", 0, 2**32 - 1),
        ("float32", 0, 1),
        ("float32", -3, 8),
    ],
)
@pytest.mark.parametrize("shape", [(2002,), (286, 7, 1), (70000,)])
def test_levels_are_rounded_and_clipped(level, dtype, low, high, shape):
    span = high - low
    limits = (0, 2**32) if dtype[0] == "u" else (-(2**31), 2**31)
    values = np.resize(spread(dtype, max(limits[0], low - span), min(limits[1] - 1, high + span)), shape)
    levels = to_levels(values, ValueRange(low=low, high=high), np.dtype(level))
    assert levels.dtype == level
    exact = np.clip((values.astype(np.float64) - low) / span, 0, 1) * np.iinfo(level).max
    assert np.abs(levels - exact).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_full_ranges_copy_nothing(dtype):
    values = np.arange(200).astype(dtype)
    assert to_levels(values, ValueRange.of_type(np.dtype(dtype)), np.dtype(dtype)) is values
    assert to_levels(values, None, np.dtype(dtype)) is values


def test_8_bit_values_among_wider_ones_keep_their_white():
    values = np.arange(256, dtype=np.uint8)
    levels = to_levels(values, ValueRange(low=0, high=4095), np.dtype(np.uint16))
    np.testing.assert_array_equal(levels, values.astype(int) * 257)


def test_the_range_is_found_from_the_wider_files():
    spans = [ValueSpan.of(spread("uint8", 0, 255)), ValueSpan.of(spread("uint16", 0, 4000))]
    assert ranged_span(spans).highest == 4000


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data(), dtype=st.sampled_from(["uint8", "uint16", "uint32", "int16", "int32", "float32"]))
def test_any_values_have_a_range_and_levels_in_their_order(data, dtype):
    floats = {"allow_nan": False, "allow_infinity": False} if dtype == "float32" else {}
    elements = arrays_of.from_dtype(np.dtype(dtype), **floats)
    values = data.draw(arrays_of.arrays(dtype, st.integers(1, 40), elements=elements))
    spans = [ValueSpan.of(values)]
    found_range = resolve_range(None, spans)
    level = levels_dtype(spans, found_range)
    levels = to_levels(values, found_range, level)
    assert (np.diff(levels[np.argsort(values, kind="stable")].astype(int)) >= 0).all()
    if found_range is None:
        assert dtype == "uint8"
        np.testing.assert_array_equal(levels, values)
        return
    assert found_range.low < found_range.high
    if not describe_marks(spans[0]):
        assert found_range.low - abs(found_range.low) * 1e-8 <= values.min()
        assert values.max() <= found_range.high + abs(found_range.high) * 1e-8

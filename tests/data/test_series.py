"""Slices that are files of their own: ordered by position, every n-th, with their neighbours."""

from __future__ import annotations

import numpy as np

from fastssl.data.packing import PackItem
from fastssl.data.reading import ImageHeader, ReadingOptions
from fastssl.data.reading.samples import FileFacts
from fastssl.data.series import find_series, items_of


def slice_of(series: str, position: float) -> ImageHeader:
    facts = FileFacts(series=series, position=position)
    return ImageHeader(width=8, height=8, channels=1, dtype=np.dtype(np.uint16), facts=facts)


HEADERS = {
    "a/1": slice_of("one", 3.0),
    "a/2": slice_of("two", 0.0),
    "a/3": slice_of("one", -5.0),
    "b/4": slice_of("one", 0.5),
    "c.png": slice_of("", 0.0),
    "d.png": slice_of("", 0.0),
}


def test_slices_are_ordered_by_position_and_series_by_their_first_path():
    assert find_series(HEADERS, HEADERS) == {
        "a/1": ["a/3", "b/4", "a/1"],
        "a/2": ["a/2"],
        "c.png": ["c.png"],
        "d.png": ["d.png"],
    }


def test_without_options_every_file_is_decoded_alone():
    items, rows = items_of(list(HEADERS), HEADERS, ReadingOptions())
    assert [item.path for item in items] == ["a/3", "b/4", "a/1", "a/2", "c.png", "d.png"]
    assert rows == [2, 3, 0, 1, 4, 5]
    assert not any(item.before or item.after for item in items)


def test_every_second_slice_of_a_series_is_taken_and_all_pictures():
    items, _ = items_of(list(HEADERS), HEADERS, ReadingOptions(every=2))
    assert [item.path for item in items] == ["a/3", "a/1", "a/2", "c.png", "d.png"]


def test_neighbours_are_the_next_slices_even_if_those_are_not_taken():
    items, _ = items_of(list(HEADERS), HEADERS, ReadingOptions(every=2, neighbours=True))
    assert items[:3] == [
        PackItem(path="a/3", after="b/4"),
        PackItem(path="a/1", before="b/4"),
        PackItem(path="a/2"),
    ]


def test_a_file_that_cannot_be_read_stays_in_its_place():
    items, rows = items_of(["a/1", "bad", "d.png"], HEADERS, ReadingOptions())
    assert [item.path for item in items] == ["a/1", "bad", "d.png"]
    assert rows == [0, 1, 2]

"""Bytes and seconds as text."""

from __future__ import annotations

import pytest

from fastssl.estimation.words import size_text, time_text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_600, "1.0 MB"), (138_400_000, "138 MB"), (24e9, "24 GB")],
)
def test_bytes_have_two_or_three_digits(count: float, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7630, "2 h 07 min"),
        (86_399, "1 d 00 h"),
        (400_000, "4 d 15 h"),
    ],
)
def test_seconds_are_told_as_finely_as_they_matter(seconds: float, text: str) -> None:
    assert time_text(seconds) == text

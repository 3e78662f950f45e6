"""What a reader sees of the records: tables, the progress line, losses, peers that are not installed."""

from __future__ import annotations

from typing import Any

import pytest

from bench.harness.progress import shortened
from bench.harness.report import losses, missing, progress_text, section_lines, sections


def record(variant: str, median: float, times: float | None = None, **info: Any) -> dict[str, Any]:
    role = "ours" if variant.startswith("fastssl") else info.pop("role", "peer")
    shared = {"section": "kernels", "problem": "sums", "variant": variant, "role": role, "missing": {}}
    if times is not None:
        shared["times_ours"] = times
    return {
        "extra_info": {**shared, **info},
        "stats": {"median": median, "min": median / 2, "max": median * 2},
    }


RECORDS = [
    record("fastssl", 0.002, 1.0, rate=12_345.0, unit="images/s", share_of_floor=0.5, peak_bytes=2_500_000),
    record("eager", 0.0064, 3.2, goal=3.0),
    record("compiled", 0.0014, 0.7, goal=2.0),
    record("bound: copy", 0.0001, 0.05, role="bound"),
]


def test_a_table_has_ours_peers_and_ratios() -> None:
    lines = section_lines(sections(RECORDS)["kernels"])
    assert lines[1] == "sums"
    ours, eager, compiled, bound = (line.split() for line in lines[2:])
    assert ours[:3] == ["fastssl", "2.00", "ms"]
    assert ours[-8:] == ["2.5", "MB", "12,345", "images/s,", "50%", "of", "the", "floor's", "speed"][-8:]
    assert "3.2x" in eager
    assert eager[-3:] == ["goal", "3x", "met"]
    assert "0.70x" in compiled
    assert compiled[-1] == "missed"
    assert "0.05x" in bound


def test_losses_are_admitted_and_bounds_are_none() -> None:
    assert losses(RECORDS) == ["kernels: sums: compiled takes 0.70 of it"]
    assert losses([record("eager", 1.0, 0.98)]) == []  # level


def test_the_progress_line_says_how_many_times_as_long_each_peer_takes() -> None:
    assert progress_text(RECORDS) == "2.00 ms, eager 3.2x, compiled 0.70x"
    assert progress_text([record("eager", 12.0)]) == "eager 12.00 s"
    assert progress_text([record("fastssl", 5e-6, 1.0)]) == "5.0 us"


def test_peers_that_are_not_installed_are_told() -> None:
    one = record("fastssl", 1.0, 1.0)
    one["extra_info"]["missing"] = {"kornia": "pip install kornia"}
    assert missing([one, *RECORDS]) == ["pip install kornia"]
    assert section_lines({"sums": [one]})[-1].split() == ["kornia", "not", "installed:", "pip", "install", "kornia"]


def test_other_benchmarks_are_left_to_pytest_benchmark() -> None:
    assert sections([{"extra_info": {}, "stats": {}}]) == {}


@pytest.mark.parametrize(("width", "text"), [(5, "abcde"), (4, "a..."), (10, "abcde")])
def test_long_text_ends_in_dots(width: int, text: str) -> None:
    assert shortened("abcde", width) == text

"""Markdown tables of timings: ours in bold, ratios, floors, and what they were measured on."""

from __future__ import annotations

from typing import Any

import pytest

from bench.harness.markdown import table


def bench(problem: str, variant: str, median: float, **info: Any) -> dict[str, Any]:
    role = "ours" if variant.startswith("fastssl") else "peer"
    shared = {"section": "kernels", "problem": problem, "variant": variant, "role": role, "missing": {}}
    stats = {"median": median, "min": median / 2, "max": 2 * median, "rounds": 7}
    return {"extra_info": {**shared, **info}, "stats": stats}


FIGURES = {
    "benchmarks": [
        bench("28 px", "fastssl", 0.01, rate=12_800.0, unit="images/s", times_ours=1.0, peak_bytes=3e6),
        bench("28 px", "lightly", 0.02, rate=6_400.0, unit="images/s", times_ours=2.0, share_of_floor=0.25),
        bench("64 px", "fastssl", 0.1, rate=128.5, unit="images/s", times_ours=1.0),
    ],
    "machine_info": {
        "device": "a cpu x2",
        "processor": {"family": "26", "model": "2"},
        "packages": {"torch": "2.14", "lightly": "1.6", "kornia": "0.9"},
    },
    "commit_info": {"id": "0123456789abcdef", "dirty": False},
    "datetime": "2026-11-27T10:00:00+00:00",
}


def test_a_wide_table_has_a_column_for_each_variant() -> None:
    lines = table(FIGURES, "wide")
    assert lines[0] == "| images/s | fastssl | lightly |"
    assert lines[2] == "| 28 px | **12,800** | 6,400 (2.0x) |"
    assert lines[3] == "| 64 px | **128.5** |  |"


def test_a_long_table_has_a_row_for_each_variant() -> None:
    lines = table(FIGURES, "long")
    assert lines[0] == "|  |  | median (min .. max) | to ours | rate | peak memory | of the floor's speed |"
    assert lines[2] == "| 28 px | **fastssl** | 10.00 ms (5.00 ms .. 20.00 ms) |  | 12,800 images/s | 3.0 MB |  |"
    assert lines[3].split(" | ")[:4] == ["| ", "lightly", "20.00 ms (10.00 ms .. 40.00 ms)", "2.0x"]
    assert "25%" in lines[3]
    assert all(line.count("|") == lines[0].count("|") for line in lines[:5])


def test_figures_say_where_they_come_from() -> None:
    assert table(FIGURES, "long")[-1] == (
        "Measured on a cpu x2, family 26 model 2; torch 2.14, lightly 1.6; commit 0123456789, 2026-11-27; medians of 7 "
        "interleaved rounds."
    )
    changed = {**FIGURES, "commit_info": {"id": "0123456789abcdef", "dirty": True}}
    assert "commit 0123456789 with changes" in table(changed, "long")[-1]


def test_a_wide_table_may_name_its_columns() -> None:
    assert table(FIGURES, "wide", "lightly; fastssl")[0] == "| images/s | lightly | fastssl |"
    with pytest.raises(ValueError, match="no variant 'slowly': there are fastssl; lightly"):
        table(FIGURES, "wide", "slowly")


def test_there_are_two_layouts() -> None:
    with pytest.raises(ValueError, match="'tall' is no layout: wide or long"):
        table(FIGURES, "tall")

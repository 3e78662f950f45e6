"""Aggregation against NumPy and SciPy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.reproduce.declaration import Score, Table
from bench.reproduce.outcome import outcome, write_outcome

Scores = dict[int, list[Score]]
JOBS = [{"name": "seed-0/moco", "command": "fastssl train --out seed-0/moco", "code": "abc", "seconds": 1.5}]


def row(content: dict, label: str) -> dict:
    return next(one["cells"] for one in content["rows"] if one["label"] == label)


def test_a_cell_has_mean_deviation_and_interval_over_seeds(table: Table, scores: Scores) -> None:
    cell = row(outcome(table, scores, JOBS), "good")["ACC"]
    values = np.array([0.70, 0.72, 0.66])
    assert cell["values"] == pytest.approx(values)
    assert cell["parts"] == [pytest.approx(parts) for parts in ([0.6, 0.8], [0.62, 0.82], [0.56, 0.76])]
    assert (cell["mean"], cell["std"]) == pytest.approx((values.mean(), values.std(ddof=1)))
    expected = stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values))
    assert (cell["low"], cell["high"]) == pytest.approx(expected)


def test_rows_are_compared_with_their_reference_and_adjusted_per_column(table: Table, scores: Scores) -> None:
    found = {(one["column"], one["row"]): one for one in outcome(table, scores, JOBS)["comparisons"]}
    assert set(found) == {("ACC", "good"), ("ACC", "steady"), ("gap", "good")}
    random = [0.50, 0.51, 0.48]
    p_good = stats.ttest_rel([0.70, 0.72, 0.66], random).pvalue
    p_steady = stats.ttest_rel([0.50, 0.49, 0.52], random).pvalue
    assert found["ACC", "good"]["difference"] == pytest.approx(0.69333 - 0.49667, abs=1e-5)
    assert found["ACC", "good"]["p"] == pytest.approx(p_good)
    assert found["ACC", "good"]["p_holm"] == pytest.approx(2 * p_good)
    assert found["ACC", "steady"]["p_holm"] == pytest.approx(max(p_steady, 2 * p_good))
    assert found["gap", "good"]["p_holm"] == pytest.approx(found["gap", "good"]["p"])


def test_one_seed_has_a_mean_and_no_interval(table: Table, scores: Scores) -> None:
    content = outcome(table, {0: scores[0]}, JOBS)
    cell = row(content, "good")["ACC"]
    assert (cell["mean"], cell["std"], cell["low"], cell["reason"]) == (0.7, None, None, "a single seed")
    assert content["claims"][0]["outcome"] == "undecided"


def test_what_a_seed_lacks_is_left_out_and_so_are_columns_without_scores(table: Table, scores: Scores) -> None:
    scores[1] = [one for one in scores[1] if one.row != "steady"]
    content = outcome(table, scores, JOBS)
    assert [one["label"] for one in content["rows"]] == ["random init", "good", "published"]
    assert [one["name"] for one in content["columns"]] == ["ACC", "gap"]
    assert content["claims"][1]["reason"] == "no row steady"


def test_the_file_names_commands_environment_and_notes_and_is_plain_json(
    table: Table, scores: Scores, tmp_path: Path
) -> None:
    content = outcome(table, scores, JOBS, ["more to know"])
    path = write_outcome(content, tmp_path / "quality")
    assert path.name == "small.json"
    read = json.loads(path.read_text())
    assert read["jobs"] == JOBS
    assert read["code"] == ["abc"]
    assert read["seeds"] == [0, 1, 2]
    assert read["notes"] == ["made up", "more to know"]
    assert {"device", "packages", "commit", "date"} <= set(read["environment"])

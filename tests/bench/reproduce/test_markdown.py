"""Markdown from the JSON alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench.reproduce.declaration import Column, Score, Table
from bench.reproduce.markdown import markdown
from bench.reproduce.outcome import outcome

JOBS = [{"name": "moco", "command": "fastssl train", "code": "abc1234", "seconds": 1.0}]


@pytest.fixture
def lines(table: Table, scores: dict[int, list[Score]]) -> list[str]:
    content = json.loads(json.dumps(outcome(table, scores, JOBS)))
    content["environment"] |= {"device": "A processor x2", "date": "2026-01-02T03:04:05+00:00"}
    return markdown(content).splitlines()


def test_the_table_has_means_with_deviations_and_the_best_of_each_column_in_bold(lines: list[str]) -> None:
    assert lines[:8] == [
        "### A small table",
        "",
        "|  | ACC | gap |",
        "| --- | --- | --- |",
        "| random init | 49.7 ± 1.5 | 0.297 ± 0.015 |",
        "| good | **69.3 ± 3.1** | **0.103 ± 0.015** |",
        "| steady | 50.3 ± 1.5 |  |",
        "| published | 90.0 |  |",
    ]


def test_claims_come_with_their_outcome_and_difference(lines: list[str]) -> None:
    (good,) = [line for line in lines if "good is better" in line]
    assert good.startswith("- good is better: **reproduced** (ACC: +19.7, 95 % +15.9 to +23.5)")
    # Deviations over draws: 0.2 / sqrt(2) of random init, 0.02, 0.03 and 0 / sqrt(2) of the steady one.
    (steady,) = [line for line in lines if "steady is steadier" in line]
    assert "**reproduced** (ACC: +13.0, " in steady


def test_the_last_line_says_how_it_was_measured(lines: list[str]) -> None:
    assert lines[-1] == (
        "3 seeds of pre-training, mean ± standard deviation over them; A processor x2; commit abc1234; 2026-01-02; "
        "made up."
    )


def test_one_seed_has_no_deviation_and_says_why_nothing_is_decided(
    table: Table, scores: dict[int, list[Score]]
) -> None:
    text = markdown(outcome(table, {0: scores[0]}, JOBS))
    assert "| good | **70.0** | **0.100** |" in text
    assert "- good is better: **undecided** (ACC: +20.0, a single seed)" in text
    assert "1 seed of pre-training" in text


def test_each_group_of_columns_is_a_table_of_its_own_without_rows_that_it_lacks(table: Table) -> None:
    columns = [Column(name=name, group=name[:4]) for name in ("lung ACC", "lung, AUC", "skin ACC")]
    found = {"good": (0.1, 0.2, 0.3), "steady": (0.4, 0.5)}
    scores = [
        Score(row=row, column=column.name, value=value)
        for row, values in found.items()
        for column, value in zip(columns, values, strict=False)
    ]
    lines = markdown(outcome(replace(table, columns=tuple(columns), claims=()), {0: scores}, JOBS)).splitlines()
    assert lines[2:11] == [
        "| lung | ACC | AUC |",
        "| --- | --- | --- |",
        "| good | 0.100 | 0.200 |",
        "| steady | **0.400** | **0.500** |",
        "",
        "| skin | ACC |",
        "| --- | --- |",
        "| good | 0.300 |",
        "",
    ]


def test_a_number_that_is_the_same_for_every_seed_has_no_deviation(table: Table) -> None:
    scores = {seed: [Score(row="published", column="gap", value=0.901)] for seed in range(3)}
    content = outcome(replace(table, claims=()), scores, JOBS)
    assert 0 < content["rows"][0]["cells"]["gap"]["std"] < 1e-9  # rounding
    assert "| published | 0.901 |" in markdown(content)

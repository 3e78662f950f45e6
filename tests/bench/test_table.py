"""The documentation's tables: each is that of its committed figures, and the command tells where one is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import table

ROOT = Path(__file__).parents[2]
MEANS = (("good, linear", 0.9), ("fair", 0.8), ("poor", 0.7))


def test_every_table_of_the_documentation_is_that_of_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert table.main(["--check"]) == 0, capsys.readouterr()
    assert any("<!-- table:" in page.read_text(encoding="utf-8") for page in table.pages())


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with a place for a speed-run's board, in a checkout of its own."""
    monkeypatch.setattr(table, "ROOT", tmp_path)
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results")
    (tmp_path / "results" / "speedrun").mkdir(parents=True)
    record = {
        "entrant": "fast",
        "about": "recipe fast",
        "seconds": [9.0, 11.0],
        "scores": [0.94, 0.95],
        "mean_seconds": 10.0,
        "mean_score": 0.945,
        "p": 0.001,
        "reached": True,
        "environment": {"device": "a cpu", "commit": {"id": "abc", "modified": False}, "date": "2026-11-27T10:00:00"},
    }
    board = {"target": "t", "records": [record, {**record, "entrant": "slow", "mean_seconds": 5.0, "reached": False}]}
    (tmp_path / "results" / "speedrun" / "t.json").write_text(json.dumps(board))
    path = tmp_path / "README.md"
    path.write_text("# A\n\n<!-- table: speedrun/t -->\nold\n<!-- end of table -->\n\nmore\n")
    return path


def test_a_place_is_filled_once_and_for_all(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert table.main(["--check"]) == 1
    assert "README.md" in capsys.readouterr().out
    assert "old" in page.read_text()
    assert table.main([]) == 0
    text = page.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and "cpu" in line]
    assert rows[0].startswith("| **10.0 (9.0 .. 11.0)** | recipe fast (`fast`) | 0.9450 ± 0.0071 | 0.001 | 2 | a cpu |")
    assert "not reached" in rows[1]  # though it was faster
    assert text.startswith("# A\n\n<!-- table: speedrun/t -->\n\n|")
    assert text.endswith("<!-- end of table -->\n\nmore\n")
    assert table.main(["--check"]) == 0
    assert table.main([]) == 0
    assert page.read_text() == text


def test_figures_that_are_not_there_are_named(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page.write_text("<!-- table: cpu/none long -->\n<!-- end of table -->\n")
    assert table.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: README.md: table: cpu/none long: FileNotFoundError")


def test_a_layout_that_is_none_is_named(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (page.parent / "results" / "x.json").write_text('{"benchmarks": []}')
    page.write_text("<!-- table: x broad -->\n<!-- end of table -->\n")
    assert table.main([]) == 2
    assert "'broad' is no layout: wide or long" in capsys.readouterr().err


@pytest.fixture
def quality(page: Path) -> Path:
    """The page, with a table of quality of two columns beside it."""
    style = {"digits": 3, "scale": 1.0, "best": "highest", "group": ""}
    cells = [
        {metric: {"values": [mean - 0.01, mean + 0.01], "mean": mean, "std": 0.01} for metric in ("AUC", "ACC")}
        for _, mean in MEANS
    ]
    rows = [{"label": label, "published": False, "cells": own} for (label, _), own in zip(MEANS, cells, strict=True)]
    columns = [{"name": name, **style} for name in ("AUC", "ACC")]
    difference = {"columns": ["AUC"], "difference": 0.1, "low": 0.05, "high": 0.15}
    claims = [{"text": "good is better", "outcome": "reproduced", "columns": [difference]}]
    content = {"title": "Two columns", "columns": columns, "rows": rows, "claims": claims}
    (page.parent / "results" / "quality").mkdir()
    (page.parent / "results" / "quality" / "two.json").write_text(json.dumps(content))
    return page


def test_a_plain_table_of_quality_has_the_rows_that_are_named(quality: Path) -> None:
    quality.write_text("<!-- table: quality/two plain poor; good, linear -->\n<!-- end of table -->\n")
    assert table.main([]) == 0
    assert quality.read_text().splitlines()[2:-2] == [
        "|  | AUC | ACC |",
        "| --- | --- | --- |",
        "| good, linear | **0.900 ± 0.010** | **0.900 ± 0.010** |",
        "| poor | 0.700 ± 0.010 | 0.700 ± 0.010 |",
    ]


def test_claims_of_quality_stand_alone(quality: Path) -> None:
    quality.write_text("<!-- table: quality/two claims -->\n<!-- end of table -->\n")
    assert table.main([]) == 0
    said = "- good is better: **reproduced** (AUC: +0.100, 95 % +0.050 to +0.150)"
    assert quality.read_text().splitlines()[2:-2] == [said]


@pytest.mark.parametrize(
    ("layout", "said"), [("plain none", "no row 'none'; there are good, linear; fair; poor"), ("wide", "no layout")]
)
def test_a_row_or_layout_that_quality_has_not_is_named(
    quality: Path, layout: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    quality.write_text(f"<!-- table: quality/two {layout} -->\n<!-- end of table -->\n")
    assert table.main([]) == 2
    assert said in capsys.readouterr().err

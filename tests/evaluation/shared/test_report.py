"""The report frame: cells, rows for CSV files, files."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from math import nan
from pathlib import Path

import pytest

from fastssl.evaluation.shared.report import flat_row, mean_cell, number_cell, write_report
from fastssl.evaluation.shared.statistics import MeanInterval, PairedTest

MEAN = MeanInterval(mean=0.5, std=0.1, low=0.4, high=0.6)
TEST = PairedTest(difference=0.25, low=0.125, high=0.375, p=0.01, p_holm=0.02, comparisons=2)


def test_numbers_are_rounded_and_what_does_not_exist_is_not_available() -> None:
    assert [number_cell(value) for value in (0.12345, nan)] == ["0.123", "n/a"]
    assert number_cell(0.0625, digits=1, scale=100, sign="+") == "+6.2"
    assert mean_cell(0.9304, 0.0123) == "0.930±0.012"
    assert mean_cell(0.9304, 0.0123, digits=1, scale=100) == "93.0±1.2"
    assert [mean_cell(0.9304, nan), mean_cell(nan, nan)] == ["0.930", "n/a"]


def test_a_row_is_spread_over_the_columns_of_a_csv_file() -> None:
    @dataclass
    class Entry:
        encoder: str
        auc: MeanInterval
        test: PairedTest
        by_seed: tuple[float, ...] = ()

    row = flat_row(Entry("a", MEAN, TEST), left_out=("by_seed",))
    assert list(row) == [
        *("encoder", "auc", "auc_std", "auc_low", "auc_high", "auc_reason"),
        *("difference", "low", "high", "p", "p_holm", "comparisons", "reason"),
    ]
    assert (row["auc"], row["auc_std"], row["difference"], row["p_holm"]) == (0.5, 0.1, 0.25, 0.02)


def test_a_report_is_json_tables_and_a_plot(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "report"
    tables = {"": [{"auc": nan, "acc": 0.5}], "-pairs": [{"p": 0.25}]}
    write_report(folder, "probe", {"rows": (nan, 1)}, tables, plot=b"PNG")
    assert sorted(path.name for path in folder.iterdir()) == ["probe-pairs.csv", "probe.csv", "probe.json", "probe.png"]
    assert json.loads((folder / "probe.json").read_text()) == {"rows": [None, 1]}
    assert (folder / "probe.csv").read_text() == "auc,acc\n,0.5\n"
    assert (folder / "probe-pairs.csv").read_text() == "p\n0.25\n"
    assert (folder / "probe.png").read_bytes() == b"PNG"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", r"\t=1"),
        ("\r=1", r"\r=1"),
        ("\n=1", "'\n=1"),
        ("a=1", "a=1"),
        ("two\nlines", "two\nlines"),
        ('quo"te, comma', 'quo"te, comma'),
        ("肺炎", "肺炎"),
        ("caf\udce9\x1b[31m", r"caf\udce9\x1b[31m"),
        ("", ""),
    ],
)
def test_names_are_text_in_a_spreadsheet_and_themselves_in_json(tmp_path: Path, name: str, cell: str) -> None:
    write_report(tmp_path, "probe", {"name": name}, {"": [{"name": name, "auc": -0.5}, {"name": "b", "auc": nan}]})
    with (tmp_path / "probe.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [{"name": cell, "auc": "-0.5"}, {"name": "b", "auc": ""}]
    assert json.loads((tmp_path / "probe.json").read_text(encoding="utf-8")) == {"name": name}

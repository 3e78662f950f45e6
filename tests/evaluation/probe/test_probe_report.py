"""The report on a terminal, in a narrow window, in a pipe, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from fastssl.evaluation.probe.report import ProbeResult, ProbeRow, write_probe_report

ROWS = (
    ProbeRow(
        features="trained", classifier="linear", auc=0.9304, acc=0.8605, setting="l2 1.0e-02", dim=512, n_train=4708
    ),
    ProbeRow(
        features="random init",
        classifier="kNN",
        auc=math.nan,
        acc=0.7,
        setting="k 68",
        dim=512,
        n_train=4708,
        note="test AUC undefined",
    ),
    ProbeRow(features="published ResNet-18", classifier="end to end", auc=0.944, acc=0.854, n_train=4708),
)
RESULT = ProbeResult(
    encoder="resnet18",
    data="a [bold] set",
    task="binary-class",
    size=28,
    n_train=4708,
    n_val=524,
    n_test=624,
    rows=ROWS,
    notes=("mind [this]",),
    folder="report",
)


def shown(width: int, terminal: bool) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    RESULT.print(console)
    return console.file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_number_is_shown_whole_at_any_width(width: int, terminal: bool) -> None:
    text = shown(width, terminal)
    for word in (
        "0.930",
        "0.861",
        "0.700",
        "n/a",
        "random init",
        "end to end",
        "l2 1.0e-02",
        "a [bold] set",
        "mind [this]",
    ):
        assert word in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width


def test_a_pipe_gets_ascii_without_escapes() -> None:
    assert shown(100, terminal=False).isascii()
    assert "\x1b" not in shown(100, terminal=False)


def test_json_holds_everything_with_null_for_nan(tmp_path: Path) -> None:
    write_probe_report(RESULT, tmp_path / "report")
    content = json.loads((tmp_path / "report" / "probe.json").read_text(), parse_constant=pytest.fail)
    assert content["rows"][0]["auc"] == 0.9304
    assert content["rows"][1]["auc"] is None
    assert (content["data"], content["n_test"], content["notes"]) == ("a [bold] set", 624, ["mind [this]"])


def test_csv_holds_the_rows(tmp_path: Path) -> None:
    write_probe_report(RESULT, tmp_path)
    with (tmp_path / "probe.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["features"] for row in rows] == ["trained", "random init", "published ResNet-18"]
    assert (rows[0]["acc"], rows[1]["auc"], rows[2]["dim"]) == ("0.8605", "", "")


def test_a_row_is_found_by_features_and_classifier() -> None:
    assert RESULT.row("trained") is ROWS[0]
    with pytest.raises(KeyError, match="no row 'raw pixels', 'linear'"):
        RESULT.row("raw pixels")

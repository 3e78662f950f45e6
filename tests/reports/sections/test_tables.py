"""Tables of evaluations: baselines once, published results never the best, details where a file has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fastssl.evaluation.probe.report import write_probe_report
from fastssl.evaluation.segment.overlay import write_overlay
from fastssl.reports.blocks import ChartGrid, Gallery, ReportSection, ReportTable
from fastssl.reports.reading.run_record import find_records
from fastssl.reports.sections.fewshot import fewshot_section
from fastssl.reports.sections.finetune import finetune_section
from fastssl.reports.sections.probe import probe_section
from fastssl.reports.sections.segment import segment_section
from fastssl.reports.sections.training import training_section

Results = dict[str, Callable[..., Any]]


def table_of(section: ReportSection, place: int = 0) -> ReportTable:
    return [block for block in section.blocks if isinstance(block, ReportTable)][place]


def shown(table: ReportTable) -> list[list[str]]:
    """Cells as text, the best with a star."""
    return [[cell if isinstance(cell, str) else cell.text + "*" * cell.best for cell in row] for row in table.rows]


def test_runs_stand_in_one_table_and_equal_baselines_once(make_run: Callable[..., Path], results: Results) -> None:
    one, two = make_run("one"), make_run("two")
    write_probe_report(results["probe"](0.9), one / "report")
    other = results["probe"](0.8)
    random = replace(other.rows[1], auc=0.55)
    write_probe_report(replace(other, rows=(other.rows[0], random, other.rows[2])), two / "report")
    rows = shown(table_of(probe_section(find_records([one, two]))))
    assert [(row[0], row[2]) for row in rows] == [
        ("one", "0.900*"),
        ("two", "0.800"),
        ("random init (one)", "0.600"),
        ("random init (two)", "0.550"),
        ("published ResNet-18", "0.990"),  # not measured here
    ]


def test_details_of_a_probe_become_columns_intervals_and_a_confusion_matrix(run: Path, results: Results) -> None:
    write_probe_report(results["probe"](), run / "report")
    path = run / "report" / "probe.json"
    content = json.loads(path.read_text())
    detail = {"balanced_acc": 0.75, "kappa": 0.5, "ece": 0.1, "confusion": [[9, 3], [2, 10]]}
    content["rows"][0]["detail"] = detail | {"auc_low": 0.8, "auc_high": 0.95, "acc_low": None, "acc_high": None}
    content["rows"][1]["detail"] = detail | {"balanced_acc": 0.5, "ece": 0.3, "confusion": None}
    content["class_names"] = ["dark", "bright"]
    path.write_text(json.dumps(content))
    section = probe_section(find_records([run]))
    table = table_of(section)
    assert table.columns[2:] == ("test AUC", "test ACC", "validation AUC", "balanced ACC", "kappa", "ECE", "chosen")
    assert shown(table)[0][2:8] == ["0.900 (0.800 to 0.950)*", "0.800*", "0.850", "0.750*", "0.500*", "0.100*"]
    assert shown(table)[1][5:8] == ["0.500", "0.500*", "0.300"]  # the lowest calibration error is the best
    (grid,) = [block for block in section.blocks if isinstance(block, ChartGrid)]
    (chart,) = grid.charts
    assert "19 of 24 right" in chart.note
    assert chart.table is not None
    assert chart.table.rows[0] == ("dark", "9", "3", "75 %")


def test_shots_are_columns_with_the_best_in_bold(evaluated_run: Path, results: Results) -> None:
    table = table_of(fewshot_section(find_records([evaluated_run])))
    written = results["fewshot"]()
    best = written.row("first", 5).acc
    assert table.columns == ("encoder", "1 per class", "5 per class")
    assert shown(table)[0][2] == f"{100 * best.mean:.1f} ± {100 * best.std:.1f}*"


def test_fine_tuning_adds_up_confusion_and_orders_shares(run: Path) -> None:
    row = {"encoder": "run", "auc": 0.8, "auc_std": 0.1, "acc": 0.7, "acc_std": None, "trials": 2}
    rows = [{**row, "label_fraction": share, "n_train": round(60 * share)} for share in (0.1, 1.0)]
    trial = {"encoder": "run", "label_fraction": 1.0, "detail": {"confusion": [[5, 1], [2, 4]]}}
    content = {"data": "cells", "rows": rows, "trials": [trial, {**trial, "seed": 1}], "published": [0.9, 0.85]}
    (run / "report").mkdir()
    (run / "report" / "finetune.json").write_text(json.dumps(content))
    section = finetune_section(find_records([run]), frozen=False)
    table = table_of(section)
    assert table.columns == ("encoder", "100 % (60 images)", "10 % (6 images)")
    assert shown(table) == [["run", "0.800 ± 0.100", "0.800 ± 0.100"], ["published ResNet-18", "0.900", ""]]
    charts = [chart for block in section.blocks if isinstance(block, ChartGrid) for chart in block.charts]
    assert [chart.title for chart in charts[:2]] == [f"Test {name} by share of the labels" for name in ("AUC", "ACC")]
    assert charts[2].table is not None
    assert [row[1:] for row in charts[2].table.rows] == [("10", "2", "83 %"), ("4", "8", "67 %")]


def test_segmentation_shows_its_overlays(run: Path) -> None:
    rows = [
        {"run": name, "trials": [{"seed": 0}, {"seed": 1}], "mean": {"dice": dice}, "std_over_trials": {"dice": 0.01}}
        for name, dice in (("all foreground", 0.9), ("run", 0.7), ("random", 0.6))
    ]
    (run / "report").mkdir()
    (run / "report" / "segment.json").write_text(json.dumps({"data": "vessels", "rows": rows}))
    square = np.zeros((40, 40), bool)
    square[10:20] = True
    for name in ("a", "b"):
        path = run / "report" / "overlays" / "run" / f"{name}.png"
        write_overlay(path, np.zeros((40, 40, 1), np.uint8), square, ~square)
    section = segment_section(find_records([run]))
    assert [row[3] for row in shown(table_of(section))] == ["0.900 ± 0.010", "0.700 ± 0.010*", "0.600 ± 0.010"]
    (gallery,) = [block for block in section.blocks if isinstance(block, Gallery)]
    assert [row.label for row in gallery.rows] == ["run, a", "run, b"]
    assert "hits green" in gallery.note


def test_the_loss_is_shown_with_that_of_a_guess_and_tasks_that_take_turns_each_alone(run: Path) -> None:
    def titles() -> list[str]:
        section = training_section(find_records([run]))
        return [chart.title for block in section.blocks if isinstance(block, ChartGrid) for chart in block.charts]

    assert titles()[0] == "Loss"
    records = [{"step": n, "loss": 1.0, f"{'jigsaw' if n % 2 else 'inpaint'}/loss": 1.0} for n in range(1, 9)]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    assert titles()[:2] == ["Loss: jigsaw", "Loss: inpaint"]

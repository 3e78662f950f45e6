"""Findings: who is ahead, by how much, and what the test says, whichever way round a pair was tested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastssl.evaluation.fewshot.report import write_fewshot_report
from fastssl.reports.reading.evaluation_files import FewshotFile, FinetuneFile, SegmentFile
from fastssl.reports.reading.run_record import find_records
from fastssl.reports.reading.stored_file import read_file
from fastssl.reports.sections.overview import fewshot_finding, finetune_finding, overview_section, segment_finding


@pytest.mark.parametrize(("first", "second", "best"), [(0.8, 0.6, "first"), (0.6, 0.8, "second")])
def test_the_best_encoder_with_the_most_labels_is_named(
    tmp_path: Path, results: dict[str, Callable[..., Any]], first: float, second: float, best: str
) -> None:
    written = results["fewshot"](first, second)
    write_fewshot_report(written, tmp_path)
    found = read_file(tmp_path / "fewshot.json", FewshotFile)
    assert found is not None
    finding = fewshot_finding(found)
    other = {"first": "second", "second": "first"}[best]
    gap = 100 * (written.row(best, 5).acc.mean - written.row(other, 5).acc.mean)
    assert finding.title == "5 labelled images per class"
    assert finding.text.endswith(f"{gap:.1f} points ahead of {other}.")
    assert finding.verdict == f"{best} is better (p\xa0<\xa00.001)"


def test_no_difference_is_called_so(tmp_path: Path, results: dict[str, Callable[..., Any]]) -> None:
    write_fewshot_report(results["fewshot"](0.7, 0.699), tmp_path)
    found = read_file(tmp_path / "fewshot.json", FewshotFile)
    assert found is not None
    assert fewshot_finding(found).verdict.startswith("no difference shown (p\xa0=\xa0")


@pytest.mark.parametrize(
    ("difference", "words"), [(0.1, "run is 0.100 above random"), (-0.2, "run is 0.200 below random")]
)
def test_fine_tuning_tells_the_best_run_from_its_baseline(tmp_path: Path, difference: float, words: str) -> None:
    row = {"label_fraction": 1.0, "acc": 0.5}
    rows = [{**row, "encoder": "run", "auc": 0.8}, {**row, "encoder": "random", "auc": 0.8 - difference}]
    test = {"difference": difference, "low": -1, "high": 1, "p": 0.01, "p_holm": 0.01, "comparisons": 1}
    compared = {"encoder": "run", "against": "random", "label_fraction": 1.0, "pairs": 3, **test}
    (tmp_path / "f.json").write_text(json.dumps({"data": "cells", "rows": rows, "comparisons": [compared]}))
    found = read_file(tmp_path / "f.json", FinetuneFile)
    assert found is not None
    finding = finetune_finding(found, "Fine-tuning")
    assert words in finding.text
    best = "run" if difference > 0 else "random"
    assert finding.text.startswith(f"{best} is best with")
    assert finding.verdict.startswith(f"{best} is better")


def test_of_two_baselines_the_better_one_is_what_a_run_is_told_from(tmp_path: Path) -> None:
    row = {"label_fraction": 1.0, "acc": 0.5}
    rows = [{**row, "encoder": name, "auc": auc} for name, auc in (("run", 0.8), ("random", 0.7), ("ImageNet", 0.6))]
    test = {"low": -1, "high": 1, "p": 0.01, "p_holm": 0.01, "comparisons": 2, "encoder": "run", "label_fraction": 1.0}
    compared = [{**test, "against": "random", "difference": 0.1}, {**test, "against": "ImageNet", "difference": 0.2}]
    (tmp_path / "f.json").write_text(json.dumps({"data": "cells", "rows": rows, "comparisons": compared}))
    found = read_file(tmp_path / "f.json", FinetuneFile)
    assert found is not None
    assert "run is 0.100 above random" in finetune_finding(found, "Fine-tuning").text


def test_segmentation_compares_the_best_start_with_the_next(tmp_path: Path) -> None:
    starts = [("all foreground", "", 0.95), ("run", "random", 0.5), ("run", "run", 0.7), ("random", "random", 0.6)]
    rows = [
        {"run": run, "encoder_init": start, "decoder_init": start, "mean": {"dice": dice}}
        for run, start, dice in starts
    ]
    test = {"low": 0.0, "high": 0.2, "p": 0.02, "p_holm": 0.06, "comparisons": 3}
    names = [("run (random, random)", "run (run, run)", -0.2), ("run (run, run)", "random", 0.1)]
    pairs = [{"initialization": one, "against": other, "difference": by, **test} for one, other, by in names]
    (tmp_path / "s.json").write_text(json.dumps({"data": "vessels", "rows": rows, "pairs": pairs}))
    found = read_file(tmp_path / "s.json", SegmentFile)
    assert found is not None
    finding = segment_finding(found)
    assert finding.text == "A U-Net from run (run, run) is best with 0.700 test Dice on vessels, 0.100 ahead of random."
    assert finding.verdict.startswith("no difference shown")


def test_a_run_without_evaluations_is_told_how_to_begin(run: Path) -> None:
    assert overview_section(find_records([run])).lead.endswith(f"fastssl probe {run}")

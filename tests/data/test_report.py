"""What was read, as a block of text and as JSON: short, complete, and safe to show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fastssl.data.facts import report_of
from fastssl.data.named.demo import open_demo
from fastssl.data.report import DataReport
from fastssl.data.source import Split

IMAGES = np.zeros((6, 8, 8, 3), np.uint8)


def test_a_clean_set_is_a_short_block():
    report = open_demo(counts={"train": 8, "val": 4, "test": 4}).report
    assert report.lines() == [
        "data        demo (synthetic)",
        "images      train 8, val 4, test 4",
        "shape       28x28, 1 channel, 8 bit",
        "values      0 to 255",
        "classes     4: fundus-like 2/1/1, rib-like 2/1/1, organ-like 2/1/1, tissue-like 2/1/1 (train/val/test)",
    ]


def test_everything_that_is_known_is_said_in_order(tmp_path):
    splits = {
        "train": Split(images=IMAGES, labels=np.array([0, 0, 1, -1, 1, 0])),
        "test": Split(images=IMAGES[:2], labels=np.array([2, 1])),
        "val": Split(images=IMAGES[:1]),
    }
    report = report_of(
        splits,
        name="chest",
        path=tmp_path,
        class_names=("a", "b", "c"),
        depth="12 bit in 16",
        value_range="0 to 4095, as given",
        outside=0.031,
        passed_over={".txt": 3, "no ending": 5, ".dcm": 3},
        notes=("one", "two"),
    )
    assert report.lines() == [
        f"data        chest, {tmp_path}",
        "images      train 6, test 2, val 1",
        "shape       8x8, 3 channels, 12 bit in 16",
        "values      0 to 4095, as given",
        "classes     3: a 3/0, b 2/1, c 0/1 (train/test)",
        "unlabelled  train 1, val 1",
        "passed over no ending 5, .dcm 3, .txt 3",
        "note        one",
        "note        two",
        "note        no train image of class c (test 1)",
        "note        warning: 3.1% of the values are outside of this range and clipped; see --value-range auto",
    ]
    assert report.path == str(tmp_path)


@pytest.mark.parametrize(
    ("outside", "said"), [(0.0, ""), (0.000001, "less than 0.1 %"), (0.005, "0.5%"), (0.01, "1.0%")]
)
def test_a_small_share_that_is_clipped_is_no_warning(outside, said):
    notes = report_of({"train": Split(images=IMAGES)}, name="x", outside=outside).notes
    assert notes == ((f"{said} of the values are outside of this range and clipped",) if said else ())


def test_unlabelled_data_have_no_classes_and_nothing_read_is_an_empty_block():
    report = report_of({"train": Split(images=IMAGES)}, name="x")
    assert "classes     none" in report.lines()
    assert report.unlabelled == {}
    assert DataReport().lines() == []


def test_labels_of_several_per_image_are_called_so():
    splits = {"train": Split(images=IMAGES, labels=np.array([[1, 0]] * 5 + [[-1, 0]]))}
    report = report_of(splits, name="x", task="multi-label, binary-class", class_names=("a", "b"))
    assert "labels      2: a 5, b 0 (train)" in report.lines()
    assert report.unlabelled == {}


def test_many_classes_endings_and_notes_are_cut_and_counted_in_text_alone():
    report = DataReport(
        counts={"train": 90},
        classes={f"c{index}": {"train": index} for index in range(30)},
        passed_over={f".e{index:02}": 40 - index for index in range(20)},
        notes=tuple(f"note {index}" for index in range(30)),
    )
    lines = report.lines()
    assert "classes     30: c0 0, c1 1, c2 2, c3 3, c4 4, c5 5, c6 6, c7 7, and 22 more (train)" in lines
    assert any(line.startswith("passed over .e00 40, ") and line.endswith(".e05 35, others 385") for line in lines)
    assert lines[-1] == "note        and 18 more"
    assert len(lines) == 16
    kept = report.as_json()
    assert (len(kept["classes"]), len(kept["passed_over"]), len(kept["notes"])) == (30, 20, 30)


def test_names_cannot_change_the_screen():
    report = DataReport(origin="a\x1b[31mb\nc", classes={"\udcff\u202e": {"train": 1}}, counts={"train": 1})
    assert report.lines()[0] == r"data        a\x1b[31mb\nc"
    assert report.lines()[-1] == r"classes     1: \udcff\u202e 1 (train)"


def test_the_record_is_written_whole_and_reads_back(tmp_path: Path):
    report = open_demo(counts={"train": 8}).report
    report.write(tmp_path)
    kept = json.loads((tmp_path / "data.json").read_text(encoding="utf-8"))
    assert kept["counts"] == {"train": 8}
    assert kept["classes"]["rib-like"] == {"train": 2}
    assert {path.name for path in tmp_path.iterdir()} == {"data.json"}
    DataReport(origin="\udcff").write(tmp_path)
    assert json.loads((tmp_path / "data.json").read_text(encoding="utf-8"))["origin"] == "\udcff"

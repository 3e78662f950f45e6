"""A division by file flatters where patients have several images; one by patient does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.hospital.images import PATTERN, draw_hospital
from bench.hospital.scores import PIXELS_KNN, scores
from fastssl.data import open_source
from fastssl.errors import DataError
from fastssl.evaluation.shared.bootstrap import bootstrap_mean


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSSL_CACHE", str(tmp_path / "cache"))


def test_a_division_by_file_leaks_and_one_by_patient_tells_the_truth(tmp_path: Path) -> None:
    draw_hospital(300).write(tmp_path / "hospital")
    fresh = draw_hospital(300, first=5000)
    by_file, by_patient = (
        next(one for one in scores(tmp_path / "hospital", fresh, division) if one.features == PIXELS_KNN)
        for division in ("file", "patient")
    )
    assert by_file.shared > 100
    assert by_file.test > by_file.fresh + 0.25
    assert by_patient.shared == 0
    source = open_source(tmp_path / "hospital", size=28, group=PATTERN)
    low, high = bootstrap_mean(by_patient.right.astype(float), source.splits["test"].groups)
    assert low <= by_patient.fresh <= high


def test_what_is_printed_of_a_folder_with_patients(tmp_path: Path) -> None:
    draw_hospital(40).write(tmp_path / "hospital")
    source = open_source(tmp_path / "hospital", size=28, group=PATTERN)
    line = next(line for line in source.report.lines() if line.startswith("patients"))
    assert line.endswith("; 0 patients in two splits; by the pattern (P\\d+)_")
    assert len(source.group_names) == 40
    assert not any("P0" in name for name in source.group_names)
    plain = open_source(tmp_path / "hospital", size=28)
    assert [note for note in plain.report.notes if "give --group" in note] == [
        "nothing says which images are one patient's: split by file; if patients have several images, give --group"
    ]
    assert not open_source(tmp_path / "hospital", size=28, group="none").report.patients


def test_patients_in_two_of_a_folder_s_own_splits_are_refused(tmp_path: Path) -> None:
    hospital = draw_hospital(6)
    for split in ("train", "test"):
        hospital.write(tmp_path / "set" / split)
    with pytest.raises(DataError, match="6 patients have images in train and in test"):
        open_source(tmp_path / "set", size=28, group=PATTERN)
    found = open_source(tmp_path / "set", size=28, group=PATTERN, allow_leak=True)
    assert found.report.shared_patients == 6
    np.testing.assert_array_equal(found.splits["train"].groups, found.splits["test"].groups)
    assert not any("give --group" in note for note in open_source(tmp_path / "set", size=28).report.notes)

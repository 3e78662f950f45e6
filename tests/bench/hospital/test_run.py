"""The command of the synthetic hospital and its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import table
from bench.hospital import board, run


def row(features: str, division: str, hospital: int, test: float, fresh: float) -> dict[str, object]:
    return {"features": features, "division": division, "hospital": hospital, "test": test, "fresh": fresh}


RECORD = {
    "hospitals": 2,
    "patients": 300,
    "command": "python -m bench.hospital.run --hospitals 2",
    "rows": [
        row("kNN", "file", 0, 0.9, 0.5),
        row("kNN", "patient", 0, 0.5, 0.6),
        row("kNN", "file", 1, 1.0, 0.5),
        row("kNN", "patient", 1, 0.6, 0.6),
    ],
    "environment": {
        "device": "a cpu",
        "packages": {"scikit-learn": "1.7"},
        "commit": {"id": "abc", "modified": False},
        "date": "2026-11-28T10:00:00",
    },
}


def test_the_table_has_means_and_deviations_over_hospitals() -> None:
    lines = board.table(RECORD)
    assert lines[2] == "| kNN | 0.950 ± 0.071 | 0.500 ± 0.000 | 0.550 ± 0.071 | 0.600 ± 0.000 |"
    assert lines[-1].startswith("2 synthetic hospitals of 300 patients")
    assert "; a cpu; scikit-learn 1.7; commit abc; 2026-11-28." in lines[-1]
    assert "±" not in board.table({**RECORD, "rows": RECORD["rows"][:2]})[2]


def test_a_page_s_place_for_it_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hospital").mkdir()
    (tmp_path / "hospital" / "hospital.json").write_text(json.dumps(RECORD))
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    assert table.lines_of("hospital/hospital") == board.table(RECORD)


def test_a_small_hospital_is_measured_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FASTSSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(run, "RESULTS", tmp_path / "hospital")
    assert run.main(["--hospitals", "1", "--patients", "30", "--steps", "0", "--record"]) == 0
    record = json.loads((tmp_path / "hospital" / "hospital.json").read_text())
    assert record["command"] == "python -m bench.hospital.run --hospitals 1 --patients 30 --steps 0"
    assert [(one["division"], one["shared_patients"] > 0) for one in record["rows"]] == [
        *[("file", True)] * 2,
        *[("patient", False)] * 2,
    ]
    assert capsys.readouterr().out.splitlines() == board.table(record)


@pytest.mark.parametrize("option", [["--hospitals", "0"], ["--patients", "0"], ["--steps", "-1"]])
def test_what_cannot_be_measured_is_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(option)
    assert ended.value.code == 2
    assert "give at least one hospital, one patient, and steps from 0" in capsys.readouterr().err

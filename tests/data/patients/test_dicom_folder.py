"""DICOM files keep patients together unasked, and nothing of their headers leaves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.patients.pseudonyms import pseudonyms_of
from fastssl.data.patients.salt import find_salt
from fastssl.errors import DataError
from tests.data.reading.dicom.dicom_files import dataset, save

PIXELS = np.random.default_rng(0).integers(0, 4000, (40, 16, 16), dtype=np.uint16)
SECRET = {"PatientName": "Quux^Wibble", "InstitutionName": "Grault Clinic", "AccessionNumber": "ACC-98765"}
WORDS = (b"Quux", b"Wibble", b"Grault", b"98765", b"MRN-", b"1.2.826.77")


def saved(folder: Path, count: int, **elements: str) -> None:
    """Files of two classes, of four patients unless their id is given; three files are a study."""
    for number in range(count):
        own = {
            "PatientID": f"MRN-{number // 6}",
            "StudyInstanceUID": f"1.2.826.77.{number // 3}",
            "SeriesInstanceUID": f"1.2.826.77.9.{number}",
            **SECRET,
            **elements,
        }
        path = folder / "ab"[number // 3 % 2] / f"{number:03}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, dataset(PIXELS[number], **own))


def test_patients_of_headers_are_kept_together_unasked(tmp_path: Path) -> None:
    saved(tmp_path / "set", 24)
    source = open_source(tmp_path / "set", size=16)
    assert source.report.patients_by == "the headers' PatientID"
    assert (sum(source.report.patients.values()), source.report.shared_patients) == (4, 0)
    assert set(source.group_names) == set(pseudonyms_of([f"MRN-{patient}" for patient in range(4)], find_salt()))
    for split in source.splits.values():
        own = [source.group_names[group] for group in split.groups]
        assert own == [pseudonyms_of([f"MRN-{int(path[2:5]) // 6}"], find_salt())[0] for path in split.ids.tolist()]


def test_nothing_of_a_header_is_printed_or_kept(tmp_path: Path, cache: Path) -> None:
    saved(tmp_path / "set", 24)
    told: list[str] = []
    source = open_source(tmp_path / "set", size=16, notify=told.append)
    source.report.write(tmp_path)
    shown = "\n".join([*told, *source.report.lines(), *source.group_names, (tmp_path / "data.json").read_text()])
    assert not [word for word in WORDS if word in shown.encode()]
    kept = [path for path in cache.rglob("*") if path.is_file()]
    assert [path for path in kept if path.suffix not in (".raw", ".lock")]
    assert not [path for path in kept for word in WORDS if word in path.read_bytes()]
    again = open_source(tmp_path / "set", size=16)
    assert (again.fingerprint, again.group_names) == (source.fingerprint, source.group_names)


def test_an_id_that_stands_for_nobody_keeps_studies_together_and_that_is_said(tmp_path: Path) -> None:
    saved(tmp_path / "set", 24, PatientID="ANONYMOUS")
    source = open_source(tmp_path / "set", size=16)
    assert source.report.patients_by == "the headers' studies and series"
    assert sum(source.report.patients.values()) == 8
    note = "no file has a PatientID that stands for a patient: studies and series are kept together"
    assert source.report.notes.count(note) == 1
    with pytest.raises(DataError, match=r"^group=dicom: no file has a PatientID that stands for a patient"):
        open_source(tmp_path / "set", size=16, group="dicom")


def test_one_id_for_all_files_is_used_where_it_is_asked_for_alone(tmp_path: Path) -> None:
    saved(tmp_path / "set", 24, PatientID="MRN-1", StudyInstanceUID="1.2.826.77.1")
    source = open_source(tmp_path / "set", size=16)
    assert source.splits["train"].groups is None or len(source.group_names) > 1
    asked = open_source(tmp_path / "set", size=16, group="dicom")
    assert list(asked.splits) == ["train"]
    assert len(asked.group_names) == 1

"""Patients by PatientID, what cannot be one, and studies and series in its place."""

from __future__ import annotations

import pytest

from fastssl.data.patients.from_headers import MOST_OF_ONE, SERIES, names_by_headers
from fastssl.data.reading.samples import FileFacts


def facts(*ids: str, studies: tuple[str, ...] = (), series: tuple[str, ...] = ()) -> list[FileFacts]:
    blank = ("",) * len(ids)
    rows = zip(ids, studies or blank, series or blank, strict=True)
    return [FileFacts(patient=patient, study=study, series=one) for patient, study, one in rows]


def test_equal_ids_are_one_patient_padded_or_not() -> None:
    found = names_by_headers(facts("P1", "P1 ", "\0P2\0", "P2"), asked=False)
    assert (found.names, found.problem) == (["P1", "P1", "P2", "P2"], "")


def test_files_without_an_id_go_by_study_then_series_then_alone() -> None:
    ids = ("P1", "", "anonymous", "", "")
    found = names_by_headers(facts(*ids, studies=("s", "s1", "s1", "", ""), series=("", "", "", "r", "")), asked=False)
    assert found.names == ["P1", f"{SERIES}s1", f"{SERIES}s1", f"{SERIES}r", None]
    assert found.problem == ""


@pytest.mark.parametrize("asked", [False, True])
def test_one_id_of_a_whole_large_set_is_nobody_s_unless_it_is_asked_for(asked: bool) -> None:
    found = names_by_headers(facts(*["P1"] * (MOST_OF_ONE + 1)), asked=asked)
    if asked:
        assert set(found.names) == {"P1"}
        assert not found.problem
    else:
        assert found.names == []
        assert found.problem == (
            "all 21 files have one PatientID, which tells no patients apart (if it is one patient, --group dicom)"
        )


def test_one_id_of_a_small_set_is_a_patient_s() -> None:
    assert set(names_by_headers(facts(*["P1"] * MOST_OF_ONE), asked=False).names) == {"P1"}


@pytest.mark.parametrize("ids", [("", "", ""), ("ANONYMOUS", "0", "")])
def test_without_any_patient_studies_are_kept_together_where_they_tell_files_apart(ids: tuple[str, ...]) -> None:
    problem = "no file has a PatientID that stands for a patient"
    found = names_by_headers(facts(*ids, studies=("a", "a", "b")), asked=False)
    assert (found.names, found.problem) == ([f"{SERIES}a", f"{SERIES}a", f"{SERIES}b"], problem)
    for studies in (("a", "a", "a"), ("a", "b", "c"), ()):
        alone = names_by_headers(facts(*ids, studies=studies), asked=False)
        assert (alone.names, alone.problem) == ([], problem)


def test_no_line_has_anything_of_a_header() -> None:
    ids = ("SECRET-1",) * 30
    for own in (facts(*ids), facts(*ids, studies=("1.2.SECRET", *["1.2.3"] * 29))):
        found = names_by_headers(own, asked=False)
        assert "SECRET" not in found.why + found.problem

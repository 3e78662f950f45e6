"""Whose files are: what says it, who is left over, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.patients import PatientColumn, PatientOptions, find_patients
from fastssl.data.reading.samples import FileFacts
from fastssl.errors import DataError

PATHS = ["a/P1_1.png", "a/P1_2.png", "b/P2_1.png", "b/x.png"]
PLAIN = {"pseudonymise": False}


@pytest.fixture(autouse=True)
def one_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSSL_SALT", "of these tests")


@pytest.mark.parametrize("pattern", [r"(P\d+)_", r"P\d+(?=_)"], ids=["bracket", "whole match"])
def test_a_pattern_finds_patients_and_files_that_it_does_not_match_are_counted(pattern: str) -> None:
    found = find_patients(PATHS, PatientOptions(group=pattern, **PLAIN))
    assert found.groups.tolist() == [0, 0, 1, 2]
    assert found.names == ("P1", "P2", "b/x.png")
    assert found.notes == ("1 file counts as a patient: the pattern does not match (b/x.png)",)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("(P", "group='(P' is no regular expression"),
        ("nothing", "matches no path (one is a/P1_1.png)"),
        ("[ab]/", None),
        (".png", "finds one patient, .png, in all 4 paths; put brackets"),
        ("dicom", "group=dicom: no file has a PatientID"),
        ("folder", None),
    ],
)
def test_what_finds_no_patient_is_refused_in_one_line(group: str, message: str | None) -> None:
    if message is None:
        assert find_patients(PATHS, PatientOptions(group=group)).groups.tolist() == [0, 0, 1, 1]
        return
    with pytest.raises(DataError) as caught:
        find_patients(PATHS, PatientOptions(group=group))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_of_splits_and_classes_are_no_patients() -> None:
    paths = ["train/ill/p1/1.png", "train/ill/p2/1.png", "test/well/p1/1.png"]
    found = find_patients(
        paths, PatientOptions(group="folder", **PLAIN), is_aside={"train", "test", "ill", "well"}.__contains__
    )
    by_path = dict(zip(paths, found.groups.tolist(), strict=True))
    assert by_path[paths[0]] == by_path[paths[2]] != by_path[paths[1]]
    with pytest.raises(DataError, match="no folder is a patient's"):
        find_patients(PATHS, PatientOptions(group="folder"), is_aside={"a", "b"}.__contains__)


def test_a_column_wins_over_a_pattern_of_the_same_text_and_over_headers() -> None:
    column = PatientColumn(name="P", values=["x", "y", "x", None])
    facts = [FileFacts(patient=f"h{row}") for row in range(4)]
    for group in ("P", None):
        found = find_patients(PATHS, PatientOptions(group=group, **PLAIN), column=column, facts=facts)
        assert (found.groups.tolist(), found.how) == ([0, 1, 0, 2], "the column P")
    assert find_patients(PATHS, PatientOptions(group=r"P\d"), column=column).how == r"the pattern P\d"


def test_nothing_is_known_unasked_without_table_and_headers_and_none_is_asked_for() -> None:
    assert find_patients(PATHS, PatientOptions()).groups is None
    facts = [FileFacts(patient=f"h{row}") for row in range(4)]
    assert find_patients(PATHS, PatientOptions(group="none"), facts=facts).groups is None
    assert find_patients(PATHS, PatientOptions(), facts=facts).groups.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("placeholder", ["", "0", "000", "ANONYMOUS", "Anon.", "xxxx", "---"])
def test_ids_that_stand_for_nobody_are_not_used_and_series_take_their_place(placeholder: str) -> None:
    nobody = [FileFacts(patient=placeholder)] * 4
    assert find_patients(PATHS, PatientOptions(), facts=nobody).groups is None
    facts = [FileFacts(patient=placeholder, series=series) for series in ("1.2", "1.2", "1.3", "1.3")]
    found = find_patients(PATHS, PatientOptions(**PLAIN), facts=facts)
    assert found.groups.tolist() == [0, 0, 1, 1]
    assert not any("1.2" in text for text in (*found.names, *found.notes, found.how))


def test_one_id_for_all_of_many_files_is_not_used_unless_it_is_asked_for() -> None:
    paths, facts = [f"{row}.dcm" for row in range(21)], [FileFacts(patient="7")] * 21
    found = find_patients(paths, PatientOptions(), facts=facts)
    assert found.groups is None
    assert "all 21 files have one PatientID" in found.notes[0]
    assert set(find_patients(paths, PatientOptions(group="dicom"), facts=facts).groups.tolist()) == {0}


def test_numbers_depend_on_paths_and_not_on_names_order_or_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    column = ["z", "z", "a", "m"]
    first = find_patients(PATHS, PatientOptions(), column=PatientColumn(name="id", values=column))
    monkeypatch.setenv("FASTSSL_SALT", "another")
    turned = find_patients(PATHS[::-1], PatientOptions(), column=PatientColumn(name="id", values=column[::-1]))
    np.testing.assert_array_equal(turned.groups[::-1], first.groups)
    assert first.groups.tolist() == [0, 0, 1, 2]
    assert not set(first.names) & set(turned.names)

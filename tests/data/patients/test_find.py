"""Who says whose the files are: what is asked for, else a table, else headers; neither salt nor order counts."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.patients import PatientColumn, PatientOptions, Patients, find_patients, kept_facts
from fastssl.data.patients.options import check_no_group
from fastssl.data.patients.pseudonyms import pseudonyms_of
from fastssl.data.patients.salt import find_salt
from fastssl.data.reading.samples import FileFacts
from fastssl.errors import DataError

PATHS = ("b/P2_1.png", "a/P1_2.png", "a/P1_1.png", "b/P2_2.png")
COLUMN = PatientColumn(name="subject", values=("x", "y", "x", None))
NAMED = PatientOptions(pseudonymise=False)


def asked(group: str | None, **options: bool) -> PatientOptions:
    return PatientOptions(group=group, pseudonymise=False, **options)


def headers(*ids: str) -> list[FileFacts]:
    return [FileFacts(patient=patient) for patient in ids]


HEADERS = headers("h1", "h1", "h2", "h2")


def called(found: Patients) -> list[str]:
    """Of each file, the name of its patient."""
    assert found.groups is not None
    return [found.names[group] for group in found.groups]


@pytest.mark.parametrize(
    ("group", "column", "facts", "names", "how"),
    [
        (None, COLUMN, HEADERS, ["x", "y", "x", PATHS[3]], "the column subject"),
        (None, None, HEADERS, ["h1", "h1", "h2", "h2"], "the headers' PatientID"),
        ("dicom", COLUMN, HEADERS, ["h1", "h1", "h2", "h2"], "the headers' PatientID"),
        ("subject", COLUMN, HEADERS, ["x", "y", "x", PATHS[3]], "the column subject"),
        ("folder", COLUMN, HEADERS, ["b", "a", "a", "b"], "folders"),
        (r"P\d", COLUMN, HEADERS, ["P2", "P1", "P1", "P2"], r"the pattern P\d"),
        ("_1", None, (), ["_1", PATHS[1], "_1", PATHS[3]], "the pattern _1"),
        (r"_(\d)\.", None, (), ["1", "2", "1", "2"], r"the pattern _(\d)\."),
    ],
    ids=["table", "headers", "dicom", "column", "folder", "pattern", "pattern of some", "bracket"],
)
def test_what_is_asked_for_counts_else_the_table_else_headers(
    group: str | None, column: PatientColumn | None, facts: list[FileFacts], names: list[str], how: str
) -> None:
    found = find_patients(PATHS, asked(group), column=column, facts=facts)
    assert (called(found), found.how) == (names, how)


@pytest.mark.parametrize("group", [None, "none"])
def test_where_nothing_says_it_or_nobody_is_wanted_there_are_no_patients_and_no_salt(group: str | None, cache) -> None:
    facts, column = (HEADERS, COLUMN) if group else ((), PatientColumn(name="subject", values=(None,) * 4))
    assert find_patients(PATHS, PatientOptions(group=group), column=column, facts=facts) == Patients()
    assert not cache.exists()


def test_numbers_follow_the_first_path_of_each_patient_whatever_the_order_and_the_names() -> None:
    found = find_patients(PATHS, asked(r"P\d"))
    assert found.groups is not None
    assert (found.groups.tolist(), found.names) == ([1, 0, 0, 1], ("P1", "P2"))
    turned = find_patients(PATHS[::-1], asked(r"P\d"))
    assert turned.groups is not None
    assert turned.groups.tolist() == found.groups.tolist()[::-1]
    other = find_patients(PATHS, NAMED, column=PatientColumn(name="id", values=("a", "z", "z", "a")))
    np.testing.assert_array_equal(other.groups, found.groups)


def test_the_salt_changes_names_and_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for salt in ("one", "two"):
        monkeypatch.setenv("FASTSSL_SALT", salt)
        found.append(find_patients(PATHS, PatientOptions(group=r"P\d")))
        assert found[-1].names == pseudonyms_of(["P1", "P2"], find_salt())
    np.testing.assert_array_equal(found[0].groups, found[1].groups)
    assert not set(found[0].names) & set(found[1].names)


def test_names_in_two_forms_of_unicode_are_one_patient_s() -> None:
    column = PatientColumn(name="subject", values=("Jörg", "Jo\u0308rg", "Anna", "Anna"))
    found = find_patients(PATHS, NAMED, column=column)
    assert found.groups is not None
    assert found.groups[0] == found.groups[1] != found.groups[2]


def test_a_file_of_nobody_known_is_a_patient_of_its_own_and_counted() -> None:
    found = find_patients(PATHS, PatientOptions(group=r"P1"), column=COLUMN)
    assert found.groups is not None
    assert len(set(found.groups.tolist())) == 3
    assert found.notes == ("2 files count as a patient each: the pattern does not match (b/P2_1.png, b/P2_2.png)",)
    assert all(int(name, 16) >= 0 for name in found.names)


def test_headers_names_are_shown_as_they_were_kept_and_paths_are_hidden() -> None:
    keep = kept_facts(PatientOptions())
    facts = [keep(one) for one in headers("h1", "h1", "", "h2")]
    found = find_patients(PATHS, PatientOptions(), facts=facts)
    assert found.names == (*pseudonyms_of([PATHS[2], "h1", "h2"], find_salt()),)
    assert called(found)[:2] == [facts[0].patient] * 2


def test_series_are_shown_without_the_mark_that_tells_them_from_patients() -> None:
    facts = [FileFacts(series=series) for series in ("s1", "s1", "s2", "s2")]
    found = find_patients(PATHS, asked(None), facts=facts)
    assert set(found.names) == {"s1", "s2"}
    assert found.how == "the headers' studies and series"
    assert found.notes == ("no file has a PatientID that stands for a patient: studies and series are kept together",)


def test_ids_that_stand_for_nobody_are_not_used_and_that_is_said_once() -> None:
    found = find_patients(PATHS, NAMED, facts=headers("ANONYMOUS", "0", "", "xxx"))
    assert found.groups is None
    assert found.notes == ("no file has a PatientID that stands for a patient: not used",)
    assert find_patients(PATHS, NAMED, facts=headers("", "", "", "")) == Patients()
    with pytest.raises(
        DataError, match=r"^group=dicom: no file has a PatientID that stands for a patient; give a column, a pat"
    ):
        find_patients(PATHS, asked("dicom"), facts=headers("ANONYMOUS", "0", "", ""))
    with pytest.raises(
        DataError, match=r"^group=dicom: no file has a PatientID that stands for a patient; give a column, a pat"
    ):
        find_patients(PATHS, asked("dicom"))


def test_a_column_that_names_nobody_is_refused_where_it_is_asked_for() -> None:
    empty = PatientColumn(name="subject", values=(None,) * 4)
    with pytest.raises(DataError, match=r"^group='subject': the column names no patient of these files; give another"):
        find_patients(PATHS, asked("subject"), column=empty, facts=HEADERS)
    assert find_patients(PATHS, asked(None), column=empty, facts=HEADERS).how == "the headers' PatientID"


@pytest.mark.parametrize("group", [None, "none"])
def test_data_that_say_it_in_one_way_take_no_other(group: str | None) -> None:
    check_no_group(PatientOptions(group=group), "x.npz keeps groups")
    with pytest.raises(
        DataError, match=r"^x.npz keeps groups: group='P.' has no meaning there; leave it out, or give n"
    ):
        check_no_group(PatientOptions(group="P."), "x.npz keeps groups")

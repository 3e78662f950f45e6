"""Patients by a pattern that is searched for in paths, and by folders."""

from __future__ import annotations

import re

import pytest

from fastssl.data.patients.from_paths import names_by_folder, names_by_pattern, note_on_unknown
from fastssl.errors import DataError

PATHS = ["ill/P01_1.png", "ill/P01_2.png", "well/P02_1.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"P\d+", ["P01", "P01", "P02"]),
        (r"P(\d+)_", ["01", "01", "02"]),
        (r"(?:ill|well)/(P\d)(\d)", ["P0", "P0", "P0"]),
        (r"(?<=/)[^_]+", ["P01", "P01", "P02"]),
        (r"^ill/(P\d+)", ["P01", "P01", None]),
        (r"ill/()", None),
        (r"(a)|P\d+", None),
    ],
)
def test_the_first_bracket_or_the_whole_match_is_the_patient(pattern: str, expected: list[str | None] | None) -> None:
    if expected is None:
        with pytest.raises(DataError, match="matches no path"):
            names_by_pattern(PATHS, pattern)
    elif len(set(expected)) == 1:
        with pytest.raises(DataError, match=r"finds one patient, P0, in all 3 paths; put brackets around what differs"):
            names_by_pattern(PATHS, pattern)
    else:
        assert names_by_pattern(PATHS, pattern) == expected


@pytest.mark.parametrize("pattern", ["(", "[a-", "*", "(?P<x", "a{99999999999}", "(?z)"])
def test_what_is_no_pattern_is_one_line_with_the_choices(pattern: str) -> None:
    with pytest.raises(DataError, match=f"^group={re.escape(repr(pattern))} is no regular expression") as caught:
        names_by_pattern(PATHS, pattern)
    assert "give a column, a pattern such as '(P[0-9]+)_', dicom, folder or none" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pattern_that_matches_nothing_shows_a_path() -> None:
    with pytest.raises(
        DataError, match=r"^group='subject' is no column of a table and matches no path \(one is ill/P01"
    ):
        names_by_pattern(PATHS, "subject")


def test_one_file_may_be_one_patient_s() -> None:
    assert names_by_pattern(PATHS[:1], "P01") == ["P01"]


ASIDE = {"train", "test", "ill", "well"}.__contains__


def test_a_folder_is_a_patient_unless_it_is_a_split_or_a_class() -> None:
    paths = ["train/ill/p1/1.png", "test/well/p1/2.png", "train/ill/p2/left/1.png", "test/ill/3.png"]
    assert names_by_folder(paths, ASIDE) == ["p1", "p1", "p2/left", None]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["train/ill/1.png", "test/well/2.png"], "no folder is a patient's, for all of them are the data's splits"),
        (["1.png", "2.png"], "no folder is a patient's"),
        (["all/1.png", "all/ill/2.png"], "all 2 files are in one folder, all; give a pattern"),
    ],
)
def test_folders_that_tell_nobody_apart_are_one_line(paths: list[str], message: str) -> None:
    with pytest.raises(DataError, match=f"^group=folder: {message}"):
        names_by_folder(paths, ASIDE)


def test_files_of_nobody_known_are_counted_and_some_are_named() -> None:
    paths = [f"{name}.png" for name in "abcdef"]
    assert note_on_unknown(["p"] * 6, paths, "why") == ()
    assert note_on_unknown(["p"] * 5 + [None], paths, "why") == ("1 file counts as a patient: why (f.png)",)
    assert note_on_unknown(["p", *[None] * 5], paths, "why") == (
        "5 files count as a patient each: why (b.png, c.png, d.png ...)",
    )


def test_no_control_character_of_a_path_reaches_a_line() -> None:
    (line,) = note_on_unknown([None], ["a\x1b[31m\n.png"], "why")
    assert line.isprintable()
    with pytest.raises(DataError) as caught:
        names_by_pattern(["a\x1b[31m\n.png"], "P")
    assert str(caught.value).isprintable()

"""Each mistake in a table is one clear line: an error, or the reason why its labels are not used."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fastssl.data.tables import TableOptions, match_table, read_table
from fastssl.errors import DataError

FILES = ("a.png", "b.png", "c.png", "d.png", "left/e.png", "right/e.png")

ERRORS = {
    "an empty file": ("", {}, "{t} is empty; a table has a line of names and a row for each image"),
    "no text": (
        bytes(range(256)),
        {},
        "{t} is no table: it holds bytes that are no text; give a .csv, .tsv, .parquet or .xlsx file",
    ),
    "an old Excel file": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        {},
        "{t} is an Excel file of the old kind (.xls); save it as .xlsx or .csv",
    ),
    "a zip archive": (
        b"PK\x03\x04" + bytes(60),
        {},
        "{t} is a zip archive and no Excel file; unpack it, or save the table as .csv",
    ),
    "only a header": ("path,label\n", {}, "{t} has a header and no row below it"),
    "no header": (
        "a.png,0\nb.png,1\n",
        {},
        "{t} has no header: its first line holds the file a.png; begin it with a line of names such as path,label",
    ),
    "no header, files without endings": (
        "a,0\nb,1\nc,1\n",
        {},
        "{t} has no header: its first line holds the file a; begin it with a line of names such as path,label",
    ),
    "a column twice": ("path,x,x\na.png,0,1\n", {}, "{t} has 2 columns called x; rename all but one"),
    "a single column": (
        "path label\na.png 0\n",
        {},
        "{t} has a single column (path label); put commas, semicolons or tabs between the columns",
    ),
    "a row that is too long": (
        "path,label\na.png,0\nb.png,1,2\n",
        {},
        "{t}, line 3 has 3 cells and the header in line 1 has 2; mend that line, or quote cells that hold the sign "
        "between cells",
    ),
    "a row that is too short": (
        "path,x,label\n\na.png,0\n",
        {},
        "{t}, line 3 has 2 cells and the header in line 1 has 3; mend that line, or quote cells that hold the sign "
        "between cells",
    ),
    "an open quote": (
        'path,label\na.png,0\nb.png,"1\nc.png,0\n',
        {},
        "{t}, line 3: a quote is opened and never closed; mend that line",
    ),
    "a damaged gzip file": (
        b"\x1f\x8b\x08",
        {},
        "{t} is a damaged gzip file (Compressed file ended before the end-of-stream marker was reached); copy it again",
    ),
    "no row with a file": (
        "path,label\nx.png,0\ny.png,1\n",
        {},
        "{t}: no row names a file: x.png in column path, a.png in {r}; name another column by --path-column, or "
        "another folder by --data",
    ),
    "an empty column of paths": (
        "path,label\n,0\n,1\n",
        {},
        "{t}: no row names a file: nothing in column path, a.png in {r}; name another column by --path-column, or "
        "another folder by --data",
    ),
    "patients instead of files": (
        "patient_id,label\nSmith,0\nJones,1\n",
        {},
        "{t}: no row names a file: names of patients in column patient_id, a.png in {r}; name another column by "
        "--path-column, or another folder by --data",
    ),
    "a column that is not there": (
        "path,label\na.png,0\n",
        {"label_columns": ("labl",)},
        "{t}: there is no column labl (--label-column) among path, label; did you mean label?",
    ),
    "a name of two columns": (
        "path,DX 1,dx_1\na.png,0,1\n",
        {"label_columns": ("dx1",)},
        "{t}: --label-column dx1 could be DX 1, dx_1; write one of them exactly",
    ),
    "two columns of patients": (
        "path,Patient ID,patient_id\na.png,0,1\n",
        {},
        "{t}: patients could be in Patient ID, patient_id; name one by --group",
    ),
    "two columns of splits": (
        "path,split,subset\na.png,train,test\n",
        {},
        "{t}: splits could be in split, subset; name one by --split-column",
    ),
    "a file's name in two folders": (
        "path,label\ne.png,0\na.png,1\n",
        {},
        "{t}, column path: 1 path could be several files (e.png: left/e.png, right/e.png); write them with their "
        "folders, or name a column that does by --path-column",
    ),
    "paths that end alike": (
        "path,label\none/a.png,0\ntwo/a.png,1\nb.png,0\n",
        {},
        "{t}, column path: 2 paths end like a file and differ in their folders (one/a.png, two/a.png: a.png); write "
        "paths from the folder of the images on, or give the folder above it",
    ),
    "two labels for a file": (
        "path,label\na.png,x\nb.png,x\na.png,y\n",
        {},
        "{t}: lines 2 and 4 give a.png two labels; keep one row for each image; several findings are columns of 0 and "
        "1, or one cell with | between",
    ),
    "two splits for a file": (
        "path,split\na.png,train\na.png,test\nb.png,test\n",
        {},
        "{t}: lines 2 and 3 give a.png two splits; keep one of the rows",
    ),
    "two patients for a file": (
        "path,patient\na.png,Smith\nb.png,Smith\nb.png,Jones\na.png,Jones\n",
        {},
        "{t}: lines 2 and 5 give a.png two patients (2 such files); keep one of the rows",
    ),
    "a word that is no split": (
        "path,split\na.png,train\nb.png,tset\n",
        {},
        "{t}: column split holds tset, which are not train, val and test; write these, name another column, or leave "
        "it out by --split-column none",
    ),
    "patients instead of splits": (
        "path,patient\na.png,Smith\nb.png,Jones\n",
        {"split_column": "patient"},
        "{t}: column patient holds names of patients, which are not train, val or test; write these, or leave the "
        "column out by --split-column none",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_mistake_is_an_error_of_one_line(name: str, write: Callable, match: Callable, tmp_path: Path) -> None:
    content, chosen, expected = ERRORS[name]
    with pytest.raises(DataError) as caught:
        match(content, FILES, **chosen)
    assert str(caught.value) == expected.format(t=tmp_path / "labels.csv", r=tmp_path / "images")


PROBLEMS = {
    "no column of labels": (
        "path,age,sex,date,scanner\na.png,50,M,2020-01-01,GE\nb.png,51,F,2020-01-02,GE\n",
        {},
        "labels.csv: no column is clearly that of labels (age, sex, date, scanner); name it by --label-column",
    ),
    "two columns of labels": (
        "path,label,diagnosis\na.png,0,x\nb.png,1,x\nc.png,1,y\n",
        {},
        "labels.csv: labels could be diagnosis, label; name one by --label-column",
    ),
    "a single class": (
        "path,label\na.png,x\nb.png,x\n",
        {},
        "labels.csv: every label is x: there is nothing to tell apart",
    ),
    "an empty column": (
        "path,label,x\na.png,,1\nb.png,NA,2\n",
        {"label_columns": ("label",)},
        "labels.csv: column label is empty in all rows that have an image",
    ),
    "identifiers": (
        "path,label\na.png,q1\nb.png,q2\nc.png,q3\nd.png,q4\n",
        {},
        "labels.csv: labels have 4 values for 4 images, as identifiers have; evaluations need classes",
    ),
    "a measurement": (
        "path,label\na.png,0.5\nb.png,0.25\n",
        {},
        "labels.csv: labels in column label are not whole numbers (such as 0.5); evaluations need classes, not "
        "regression targets or probabilities",
    ),
    "long text": (
        f"path,label\na.png,{'no acute disease ' * 10}\nb.png,normal\n",
        {},
        "labels.csv: column label holds long text (no acute disease no...e no acute disease), not names of classes",
    ),
    "sentences with semicolons": (
        f"path,label\na.png,normal; {'no acute disease ' * 10}\nb.png,normal\n",
        {},
        "labels.csv: column label holds long text (no acute disease no...e no acute disease), not names of classes",
    ),
    "one class in two spellings": (
        "path,label\na.png,Benign\nb.png,benign\nc.png,malignant\n",
        {},
        "labels.csv: column label holds Benign and benign, which differ in upper and lower case or spaces alone; write "
        "one of them",
    ),
    "a finding that is neither 0 nor 1": (
        "path,Edema,Mass\na.png,0,1\nb.png,maybe,0\n",
        {"label_columns": ("Edema", "Mass")},
        "labels.csv: column Edema holds maybe; findings are 0, 1, -1 (uncertain) or empty",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_labels_that_cannot_be_used_are_said_and_stop_nothing(name: str, match: Callable) -> None:
    content, chosen, expected = PROBLEMS[name]
    found = match(content, FILES, **chosen)
    assert found.label_problem == expected
    assert f"labels are not used: {expected}" in found.notes
    assert (found.labels, found.class_names, found.task) == (None, (), "none")


@pytest.mark.parametrize(
    ("start", "package", "advice"),
    [
        (b"PAR1", "pyarrow", "is Parquet, which needs pyarrow: pip install pyarrow; or save it as .csv"),
        (b"PK\x03\x04", "openpyxl", "is an Excel file, which needs openpyxl: pip install openpyxl; or save it as .csv"),
    ],
)
def test_a_package_that_is_missing_is_named(
    start: bytes, package: str, advice: str, write: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    path = write(start + bytes(60))
    with pytest.raises(DataError) as caught:
        read_table(TableOptions(path=path))
    assert str(caught.value) == f"{path} {advice}"


def test_a_table_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    for path, what in ((tmp_path / "x.csv", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(DataError) as caught:
            read_table(TableOptions(path=path))
        assert str(caught.value) == f"the table {path} {what}; give --labels a .csv, .tsv, .parquet or .xlsx file"


def test_patients_are_named_in_no_line(match: Callable) -> None:
    found = match("path,patient_id,label\na.png,Smith,x\nb.png,Jones,y\nq.png,Moriarty,y\n", FILES)
    assert found.groups == ("Smith", "Jones", "", "", "", "")
    assert not [note for note in found.notes if any(name in note for name in ("Smith", "Jones", "Moriarty"))]


def test_a_table_of_patients_alone_names_none_of_those_without_a_file(write: Callable, tmp_path: Path) -> None:
    options = TableOptions(path=write("PatientID,label\nSmith,x\nJones,y\nMoriarty,x\n"))
    found = match_table(read_table(options), options, ["Smith/1.dcm", "Jones/1.dcm"], tmp_path)
    assert found.labels.tolist() == [0, 1]
    assert "1 of 3 rows of labels.csv has no file (names of patients)" in found.notes

"""Tables of every kind of file hold the same cells."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastssl.data.tables import Table, TableOptions, read_table
from fastssl.data.tables.builder import MISSING

TEXT = "path,label\na.png,Männer\nb.png,x\n"


def cells(table: Table) -> dict[str, list[str]]:
    rows = np.arange(len(table))
    return {name: column.cells(rows).tolist() for name, column in table.columns.items()}


def read(path: Path) -> Table:
    return read_table(TableOptions(path=path))


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("latin-1"),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace(",", " | ").encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\n\n").encode(),
        TEXT.replace("\n", ",\n").encode(),
        gzip.compress(TEXT.encode(), mtime=0),
        ("# made in 2020, by hand; two columns\n\n" + TEXT).encode(),
        '"path", "label"\n"a.png", "Männer"\nb.png,x'.encode(),
    ],
)
def test_text_is_read_in_each_encoding_and_form(content: bytes, write: Callable) -> None:
    assert cells(read(write(content))) == {"path": ["a.png", "b.png"], "label": ["Männer", "x"]}


def test_latin_1_is_said(write: Callable) -> None:
    assert read(write(TEXT.encode("latin-1"), "l.csv")).notes == (
        "l.csv is not UTF-8 and read as Latin-1; save it as UTF-8 if names look wrong",
    )


def test_lines_are_those_of_the_file(write: Callable) -> None:
    table = read(write('# comment\npath,text\n\na.png,"two\nlines, ""q"""\n,\nb.png,z\n'))
    assert table.lines.tolist() == [4, 7]
    assert cells(table)["text"] == ['two\nlines, "q"', "z"]


def test_columns_without_a_name_are_left_out(write: Callable) -> None:
    table = read(write(",path,label,\n0,a.png,x,\n1,b.png,y,\n"))
    assert list(table.columns) == ["path", "label"]
    assert table.notes == ("labels.csv: column 1 has no name and is left out",)


def test_cells_that_say_that_nothing_is_there_are_empty(write: Callable) -> None:
    table = read(write("path,label\na.png,NA\nb.png, \nc.png,NaN\nd.png,None\n"))
    assert cells(table)["label"] == ["", "", "", "None"]
    assert table.columns["label"].blank.tolist() == [True, True, True, False]


def test_more_rows_than_are_read_at_once(write: Callable) -> None:
    table = read(write("path,label\n" + "".join(f"{row}.png,{row % 7}\n" for row in range(45_000))))
    assert cells(table)["path"] == [f"{row}.png" for row in range(45_000)]
    assert cells(table)["label"] == [str(row % 7) for row in range(45_000)]
    assert len(table.columns["label"].values) == 7


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {
        "path": ["a.png", "b.png", None],
        "target": pyarrow.array([1, 0, None], pyarrow.int8()),
        "edema": [1.0, None, -1.0],
        "seen": [True, False, None],
        "split": pyarrow.array(["train", "test", "train"]).dictionary_encode(),
        "boxes": [[1, 2], [], None],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "labels.parquet")
    table = read(tmp_path / "labels.parquet")
    assert cells(table) == {
        "path": ["a.png", "b.png", ""],
        "target": ["1", "0", ""],
        "edema": ["1", "", "-1"],
        "seen": ["true", "false", ""],
        "split": ["train", "test", "train"],
    }
    assert table.notes == ("labels.parquet: columns boxes hold lists or records and are left out",)


def test_excel(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["path", "target", "edema", None], [], ["a.png", 1, 0.5, None], ["b.png", 2.0, True, None]):
        book.active.append(row)
    book.create_sheet("more")
    book.save(tmp_path / "labels.xlsx")
    table = read(tmp_path / "labels.xlsx")
    assert cells(table) == {"path": ["a.png", "b.png"], "target": ["1", "2"], "edema": ["0.5", "True"]}
    assert table.lines.tolist() == [3, 4]
    assert table.notes == ("labels.xlsx: sheet Sheet is read, not more",)


CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8).map(str.strip)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8), st.sampled_from(",;\t"))
def test_what_a_writer_of_csv_writes_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list, sign: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=sign, quoting=csv.QUOTE_ALL)
    writer.writerows([("first", "second", "third"), *rows])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    kept = [["" if cell.lower() in MISSING else cell for cell in row] for row in rows if any(row)]
    if kept:
        assert list(zip(*cells(read(path)).values(), strict=True)) == [tuple(row) for row in kept]

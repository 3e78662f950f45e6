"""`python -m bench.scaling`: all tables, or those named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.scaling.__main__ import main
from bench.scaling.tables import TABLES

PAGE = Path(__file__).parents[3] / "docs" / "scaling.md"


def test_every_table_is_printed_and_stands_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed, page = capsys.readouterr().out, PAGE.read_text(encoding="utf-8")
    for name, made in TABLES.items():
        lines = made()
        columns = {line.count(" | ") for line in lines if line.startswith("|")}
        assert len(columns) == 1
        assert "\n".join(lines) in printed
        assert f"<!-- table: scaling/{name} -->\n\n" + "\n".join(lines) in page


def test_a_table_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["wire", "speed"])
    assert "no table 'speed': give counted, assumptions, wire" in capsys.readouterr().err

"""Where a report goes: refused before any work where it cannot be written, or the results are shown all the same."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import fastssl
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.report_folder import report_folder, writable_report_folder

READ_ONLY = Path("/sys/kernel")
"""A folder in which root may write no file either."""


def test_a_report_lies_in_the_folder_asked_for_else_in_the_runs() -> None:
    for choose in (report_folder, writable_report_folder):
        assert choose(None, Path("runs/moco")) == Path("runs/moco/report")
        assert choose(Path("table"), Path("runs/moco")) == Path("table/report")


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    for out in ("file", "file/below", "dead", "dead/below"):
        with pytest.raises(ConfigError, match=r"^out='.*': .*/(file|dead) is a file; give another --out"):
            writable_report_folder(tmp_path / out, tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/report").touch()
    with pytest.raises(ConfigError, match=r"^report of .*: .*/run/report is a file"):
        writable_report_folder(None, tmp_path / "run")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that root may not write")
def test_a_folder_that_may_not_be_written_is_named() -> None:
    for out in ("/proc/self", "/proc/self/new/new"):
        with pytest.raises(ConfigError, match=r"^/proc/self: may not be written; give the report another --out"):
            writable_report_folder(Path(out), Path())


@pytest.mark.parametrize("call", [fastssl.fewshot, fastssl.finetune, fastssl.segment], ids=lambda call: call.__name__)
def test_an_evaluation_is_refused_before_any_work(call: Callable[..., Any], run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in ("file", "file/below"):
        with pytest.raises(ConfigError, match="is a file; give another --out"):
            call(run_folder, console=Console(quiet=True), out=tmp_path / out)
    assert not (run_folder / "features").exists()
    assert not (run_folder / "report").exists()


@pytest.mark.skipif(not READ_ONLY.is_dir(), reason="needs a folder in which root may not write")
def test_a_probe_whose_report_cannot_be_written_shows_its_table_and_says_so(run_folder: Path) -> None:
    (run_folder / "report").symlink_to(READ_ONLY)
    shown = Console(file=io.StringIO(), width=100)
    assert fastssl.probe(run_folder, console=shown, device="cpu").row("trained").acc > 0
    *table, last = shown.file.getvalue().splitlines()
    assert any("trained" in line for line in table)
    assert last == f"note: {run_folder}/report: the report is not written (Permission denied)"

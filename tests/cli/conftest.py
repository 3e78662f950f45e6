"""An empty folder to work in, and running a command that must be refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fastssl.cli import INPUT_ERROR, main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and a cache of its own."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must be refused; returns what is said after "fastssl: error: "."""

    def run(*arguments: str | Path) -> str:
        assert main([str(argument) for argument in arguments]) == INPUT_ERROR == 2
        complaint = capsys.readouterr().err
        assert complaint.startswith("fastssl: error: ")
        assert complaint.count("\n") == 1
        assert complaint.endswith("\n")
        return complaint.removeprefix("fastssl: error: ").rstrip("\n")

    return run

"""How far a long job has come: a bar on a terminal, lines elsewhere, silence when asked."""

from __future__ import annotations

import io
import sys

from fastssl.data import progress as module
from fastssl.data.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_lines_are_told_but_not_too_often(told, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress("decoding", 10, told.append) as advance:
        advance(5)
    assert told == []
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    with progress("decoding", 10, told.append) as advance:
        advance(5)
        advance(5)
    assert told == ["decoding: 50 %", "decoding: 100 %"]


def test_on_a_terminal_a_bar_is_drawn_and_no_lines_are_told(told, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("decoding", 4, told.append) as advance:
        advance(4)
    assert "decoding" in terminal.getvalue()
    assert "100%" in terminal.getvalue()
    assert told == []


def test_nothing_is_shown_to_nobody(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("decoding", 4, None) as advance:
        advance(4)
    assert terminal.getvalue() == ""
    assert capsys.readouterr().out == ""

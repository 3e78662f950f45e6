"""How far a long job has come: a bar on a terminal, lines elsewhere, nothing where no one is to be told."""

from __future__ import annotations

import io

import pytest

from fastssl.data.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_there_is_a_line_every_ten_seconds(told: list[str]) -> None:
    clock = Clock()
    with progress("decoding", 10, told.append, stream=io.StringIO(), clock=clock) as advance:
        for clock.now in (5.0, 9.9, 10.1, 15.0, 20.2):
            advance(2)
    assert told == ["decoding: 60 %", "decoding: 100 %"]


def test_without_a_known_total_a_line_says_how_much_is_done(told: list[str]) -> None:
    clock = Clock()
    with progress("downloading", 0, told.append, stream=io.StringIO(), clock=clock) as advance:
        clock.now = 11.0
        advance(7)
    assert told == ["downloading: 7 so far"]


def test_on_a_terminal_a_bar_is_drawn_and_there_are_no_lines(told: list[str]) -> None:
    terminal = Terminal()
    with progress("decoding", 4, told.append, stream=terminal) as advance:
        advance(4)
    assert "decoding" in terminal.getvalue()
    assert "100%" in terminal.getvalue()
    assert told == []


def test_nothing_is_shown_where_no_one_is_to_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    with progress("decoding", 4, None, stream=terminal) as advance:
        advance(4)
    assert terminal.getvalue() == ""
    assert capsys.readouterr() == ("", "")

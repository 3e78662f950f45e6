"""Words: the best in bold, verdicts, and paths that may be shown."""

from __future__ import annotations

import shlex
from math import nan
from pathlib import Path

import pytest

from fastssl.reports.reading.evaluation_files import StoredTest
from fastssl.reports.words import MINUS, difference_row, how_adjusted, score_cells, shown_command, shown_path, verdict


def test_every_row_that_shows_the_best_digits_is_bold() -> None:
    cells = score_cells([0.9004, 0.8996, 0.7, nan], [0.01, nan, 0.02, nan])
    assert [cell.text for cell in cells] == ["0.900 ± 0.010", "0.900", "0.700 ± 0.020", ""]
    assert [cell.best for cell in cells] == [True, True, False, False]


def test_what_was_not_compared_and_what_is_alone_is_not_bold() -> None:
    assert [cell.best for cell in score_cells([0.9, 0.8, 0.7], compared=[False, True, True])] == [False, True, False]
    assert [cell.best for cell in score_cells([0.9])] == [False]


@pytest.mark.parametrize(
    ("p", "p_holm", "words", "tone"),
    [
        (0.01, 0.04, "a is better (p\xa0=\xa00.040)", "good"),
        (0.01, 0.06, "no difference shown (p\xa0=\xa00.060)", "muted"),
        (1e-5, 1e-4, "a is better (p\xa0<\xa00.001)", "good"),
        (nan, nan, "not tested: a single seed", "muted"),
    ],
)
def test_a_verdict_goes_by_the_adjusted_p_value(p: float, p_holm: float, words: str, tone: str) -> None:
    test = StoredTest(difference=0.1, p=p, p_holm=p_holm, reason="a single seed" if p != p else "", comparisons=4)
    assert verdict(test, "a") == (words, tone)


def test_a_difference_is_shown_with_its_interval_and_its_sign() -> None:
    test = StoredTest(difference=-0.05, low=-0.1, high=0.0125, p=0.2, p_holm=0.4, comparisons=2)
    *numbers, said = difference_row(test, digits=1, scale=100)
    assert numbers == [f"{MINUS}5.0", f"{MINUS}10.0 to +1.2", "0.400"]
    assert getattr(said, "text", "") == "no difference shown"
    assert "Holm-adjusted over 2 comparisons" in how_adjusted([test])


def test_paths_are_shown_from_here_or_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert shown_path(tmp_path / "work" / "runs" / "a") == "runs/a"
    assert shown_path(tmp_path / "data") == "~/data"
    assert shown_path("runs/b") == "runs/b"
    assert shown_path("/elsewhere") == "/elsewhere"


def test_a_command_is_the_same_with_other_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    line = shlex.join(["fastssl", "train", "--data", f"{tmp_path}/my images", "--lr", "0.1"])
    assert shlex.split(shown_command(line)) == ["fastssl", "train", "--data", "~/my images", "--lr", "0.1"]
    assert shown_command('fastssl "open') == 'fastssl "open'

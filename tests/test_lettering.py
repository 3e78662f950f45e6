"""Names on figures: letters from fonts that have them, escapes for those that none has, no formulas, no warnings."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from PIL import Image

from fastssl.lettering import lettering_for

NAMES = [
    "$x$",
    "$\\frac{1}{",
    "a_b^c",
    "_hidden",
    "\\alpha",
    "100 %",
    "# comment",
    "{x}",
    "肺炎",
    "e\u0301",
    "رئة",
    "👩",
]


def font_with(letters: str, family: str, path: Path) -> None:
    """Write a font in which each letter is a black square."""
    pen = TTGlyphPen(None)
    for place, corner in enumerate([(0, 0), (0, 900), (900, 900), (900, 0)]):
        (pen.lineTo if place else pen.moveTo)(corner)
    pen.closePath()
    square, names = pen.glyph(), [".notdef", *(f"u{ord(letter):X}" for letter in letters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): name for letter, name in zip(letters, names[1:], strict=True)})
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


@pytest.fixture
def squares(tmp_path: Path) -> Iterator[str]:
    """An installed font that has 肺 and 炎, and not 癌."""
    font_with("肺炎", "Lung Squares", tmp_path / "squares.ttf")
    before = list(fontManager.ttflist)
    fontManager.addfont(tmp_path / "squares.ttf")
    yield "Lung Squares"
    fontManager.ttflist[:] = before


def drawn(names: list[str]) -> tuple[np.ndarray, list[str]]:
    """The pixels of a figure with these names in a title, a legend and at ticks, and the warnings."""
    letters = lettering_for(names)
    with warnings.catch_warnings(record=True) as found, letters.applied():
        warnings.simplefilter("always")
        figure = Figure(figsize=(4, 1 + len(names)))
        axes = figure.subplots()
        for name in names:
            axes.plot([0, 1], label=letters.drawn(name))
        axes.set_yticks(range(len(names)), [letters.drawn(name) for name in names])
        axes.set_title(letters.drawn(names[0]))
        legend = axes.legend()
        assert len(legend.get_texts()) == len(names)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=50, bbox_inches="tight")
    return np.asarray(Image.open(content)), [str(warning.message) for warning in found]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_drawn_without_a_warning(name: str) -> None:
    assert drawn([name, "b"])[1] == []


def test_a_dollar_sign_begins_no_formula() -> None:
    """Two names that differ in what a formula would not show."""
    one, other = (drawn([name])[0] for name in ("$a b$", "$ab$"))
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_an_installed_font_that_has_the_letters_is_used(squares: str) -> None:
    letters = lettering_for(["肺炎", "cells"])
    assert letters.families[1:] == (squares,)
    assert (letters.missing, letters.notes, letters.lacks("肺炎")) == (frozenset(), [], False)
    assert letters.drawn("肺炎") == "肺炎"
    assert drawn(["肺炎"])[1] == []


def test_letters_that_no_font_has_are_escapes_and_told_in_one_line(squares: str) -> None:
    letters = lettering_for(["肺癌"])
    assert letters.families[1:] == (squares,)
    assert letters.missing == {"癌"}
    assert letters.drawn("肺癌") == r"肺\u764c"
    assert [letters.lacks(name) for name in ("肺", "癌")] == [False, True]
    (note,) = letters.notes
    assert note.startswith("no installed font has the letters 癌:")


def test_a_name_is_drawn_short_on_one_line_and_never_hidden() -> None:
    letters = lettering_for(["x"])
    assert letters.drawn("a\n\x1b\udcff") == r"a\n\x1b\udcff"
    assert letters.drawn("_x") == " _x"
    assert len(letters.drawn("x" * 5000)) == 60
    assert drawn(["x" * 5000])[0].shape[1] < 1000


def test_fonts_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    font_with("脑", "Brain Squares", tmp_path / "brain.ttf")
    before = list(fontManager.ttflist)
    fontManager.addfont(tmp_path / "brain.ttf")
    (tmp_path / "brain.ttf").write_bytes(b"broken")
    try:
        assert lettering_for(["脑"]).missing == {"脑"}
    finally:
        fontManager.ttflist[:] = before

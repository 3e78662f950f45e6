"""Tests of names as text that can be shown."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastssl.text import printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\x00\x7f\x9b31m", r"\x00\x7f\x9b31m"),
        ("gnp.\u202eexe", r"gnp.\u202eexe"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("caf\udce9", r"caf\udce9"),
        ("\ufeffx\u200b", r"\ufeffx\u200b"),
        ("tag\U000e0041", r"tag\U000e0041"),
    ],
)
def test_what_is_unsafe_becomes_an_escape(name, shown):
    assert printable(name) == shown


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Röntgen.npz",
        "肺炎",
        "رئة",
        "e\u0301",
        "👩\u200d⚕\ufe0f",
        r"C:\data\new",
        "a b'c\"d",
        "[red]x[/]",
        "=1+1",
        "$x_1^2$",
    ],
)
def test_all_else_stays_as_it_is(name):
    assert printable(name) == name


def test_a_path_is_shown_as_its_text():
    assert printable(Path("a") / "b\n") == r"a/b\n"


@settings(max_examples=200)
@given(st.text(st.characters(codec=None), max_size=40))
def test_whatever_is_given_is_shown_on_one_line_that_can_be_encoded(name):
    shown = printable(name)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert printable(shown) == shown

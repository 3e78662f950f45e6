"""Files of settings: values as they are written, any file refused in one line, YAML's own writer as the other side."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fastssl.config.plain_yaml import read_yaml
from fastssl.config.settings_file import read_settings_file
from fastssl.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *((text, text) for text in ("007", "1.50", "2024-01-01", "no", "on", "yes", "12:30:00", "1e3", "0x10", "~/x")),
        *((text, True) for text in ("true", "True", "TRUE")),
        *((text, None) for text in ("null", "~", "", "Null")),
        ("'true'", "true"),
        ('"~"', "~"),
        ("[1, [a, true], {b: null}]", ["1", ["a", True], {"b": None}]),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("Röntgen 肺 # comment", "Röntgen 肺"),
        ('"caf\\udce9"', "caf\udce9"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_a_value_is_the_text_that_was_written(file: Path, written: str, value: Any) -> None:
    file.write_text(f"name: {written}\nother: x\n", encoding="utf-8")
    assert read_settings_file(file) == {"name": value, "other": "x"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends_of_other_systems_change_nothing(file: Path, encoding: str, newline: str) -> None:
    file.write_bytes(f"lr: 0.5{newline}data: Röntgen{newline}".encode(encoding))
    assert read_settings_file(file) == {"lr": "0.5", "data": "Röntgen"}


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("lr: 1\nlr: 2\n", "lr is given twice"),
        ("a: {b: 1, b: 2}\n", "b is given twice"),
        ("lr: [1", "not valid YAML ("),
        ("lr: \x1b[31m", "not valid YAML ("),
        ("lr: a: b", "not valid YAML ("),
        ("\tlr: 1", "not valid YAML ("),
        ("lr: !!python/object/apply:os.system ['true']", "not valid YAML (settings have no tags"),
        ("lr: !!timestamp 2024-13-45", "not valid YAML (settings have no tags"),
        ("lr: !!int x", "not valid YAML (settings have no tags"),
        ("lr: !x 3", "not valid YAML (settings have no tags"),
        ("? [a, b]\n: 1\n", "not valid YAML (a name must be text)"),
        ("? {a: b}\n: 1\n", "not valid YAML (a name must be text)"),
        ("lr: *nothing", "not valid YAML"),
        ("lr: &a [*a]", "not valid YAML (*a stands for nothing that is complete)"),
        (LAUGHS, "over 20000 values"),
        ("lr: " + "[" * 5000, "lists or mappings are nested too deeply"),
        ("lr: " + "{a: " * 5000, "lists or mappings are nested too deeply"),
        ("lr: 1\n---\nlr: 2\n", "more than one YAML document"),
        ("", "not a mapping of settings"),
        ("- a", "not a mapping of settings"),
        ("text", "not a mapping of settings"),
        ("# nothing", "not a mapping of settings"),
        (b"\xff\xfel\x00r\x00", "text in UTF-16"),
        (b"\xfe\xff\x00l\x00r", "text in UTF-16"),
        (b"l\x00r\x00:\x00 \x001\x00", "not valid YAML ("),
        (b"R\xf6ntgen: 1", "not a text file in UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "not a text file in UTF-8"),
        (b"lr: 1\n" + b"#" * (1 << 20), "over 1 MiB"),
        (b"x: '" + b"a" * 1000, "not valid YAML ("),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_no_file_of_settings_is_refused_in_one_line(file: Path, content: str | bytes, said: str) -> None:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError) as error:
        read_settings_file(file)
    assert str(error.value).startswith(f"{file}: {said}")
    assert len(str(error.value)) < 500
    assert str(error.value).isprintable()


def test_a_file_of_a_gigabyte_is_refused_without_reading_it(file: Path) -> None:
    file.touch()
    os.truncate(file, 1 << 30)
    with pytest.raises(ConfigError, match="over 1 MiB"):
        read_settings_file(file)
    with pytest.raises(ConfigError, match="over 1 MiB"):
        read_settings_file(Path("/dev/zero"))


NAMES = st.text(st.characters(codec=None), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


NUMBERS = st.recursive(
    st.none()
    | st.booleans()
    | NAMES
    | st.integers()
    | st.floats()
    | st.sampled_from(["007", "1.5", "no", "2024-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(NUMBERS)
def test_what_yaml_writes_of_text_and_numbers_is_read_back(value: Any) -> None:
    assert repr(read_yaml(yaml.safe_dump(value, sort_keys=False), numbers=True)) == repr(value)


@settings(max_examples=150)
@given(VALUES)
def test_what_yaml_writes_of_text_is_read_back(value: Any) -> None:
    assert read_yaml(yaml.safe_dump(value)) == value


@settings(max_examples=150)
@given(st.text(st.sampled_from(list("ab:-[]{}&*!|>'\"%@`#,?\n\t ~01.\\")), max_size=40))
def test_of_any_text_at_all_a_value_or_one_error_comes(text: str) -> None:
    try:
        read_yaml(text)
    except ValueError as error:
        assert len(str(error)) < 480  # noqa: PT017 (either outcome is right)

"""Every fuzzed parser on its seeds, and on some dozens of inputs that are nearly right; what a fault is."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastssl.errors import ConfigError, DataError
from tests.fuzz import engines
from tests.fuzz import target as limits
from tests.fuzz.mutations import mutated
from tests.fuzz.target import Target, TooSlowError, check, kept_faults, save_crash
from tests.fuzz.targets import MODULES, NAMES, load_target

SLOW = {"resume": 4, "encoder": 12, "encoder-header": 12, "encoder-spec": 12, "weights": 12, "pairs": 12, "pack": 12}
"""Targets of which an input takes long -> how many are tried here."""


@pytest.mark.parametrize("module", MODULES)
def test_every_target_can_be_chosen(module: str) -> None:
    targets = import_module(f"tests.fuzz.targets.{module}").TARGETS
    assert tuple(target.name for target in targets) == MODULES[module]


@pytest.mark.parametrize("name", NAMES)
def test_valid_inputs_are_accepted(name: str) -> None:
    target = load_target(name)
    accepted = [check(target, content) for content in target.seeds()]
    assert any(accepted)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_that_are_nearly_right_are_read_or_refused_in_one_line(name: str) -> None:
    target = load_target(name)

    @settings(max_examples=SLOW.get(name, 25))
    @given(mutated(target.seeds()))
    def look(content: bytes) -> None:
        check(target, content)

    look()


def parser(run: object) -> Target:
    return Target(name="own", seeds=lambda: [b"a"], run=run)  # type: ignore[arg-type]


def test_one_line_is_a_refusal_and_anything_else_a_fault() -> None:
    def refuses(content: bytes, folder: Path) -> NoReturn:
        raise ConfigError(["a" * 400, "b" * 400])

    def breaks(content: bytes, folder: Path) -> NoReturn:
        raise ZeroDivisionError

    def is_long(content: bytes, folder: Path) -> NoReturn:
        error = DataError("x")
        error.args = ("x" * 600,)
        raise error

    assert check(parser(lambda content, folder: None), b"")
    assert not check(parser(refuses), b"")
    with pytest.raises(ZeroDivisionError):
        check(parser(breaks), b"")
    with pytest.raises(AssertionError, match="600 characters"):
        check(parser(is_long), b"")


def test_an_input_that_takes_long_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.05)
    with pytest.raises(TooSlowError):
        check(parser(lambda content, folder: time.sleep(5)), b"")


def test_a_fault_of_each_kind_is_kept_once(tmp_path: Path) -> None:
    errors = [ZeroDivisionError("a"), ZeroDivisionError("b"), KeyError("a")]
    kept = [save_crash(parser(None), b"input", error, tmp_path) for error in errors]
    assert [path is not None for path in kept] == [True, False, True]
    assert kept[0].read_bytes() == b"input"
    assert kept[0].with_suffix(".txt").read_text().startswith("ZeroDivisionError: a")


def test_what_was_a_fault_is_tried_again_and_forgotten_where_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {b"once": ValueError, b"still": KeyError}

    def parse(content: bytes, folder: Path) -> None:
        if content in broken:
            raise broken[content]

    target = Target(name="own", seeds=lambda: list(broken), run=parse)
    monkeypatch.setattr(engines, "load_target", lambda name: target)
    monkeypatch.setattr(engines, "limit_memory", lambda: None)
    assert engines.fuzz_by_chance("own", 0, tmp_path) == 2
    assert {path.read_bytes() for path in kept_faults(tmp_path, "own")} == {b"once", b"still"}
    del broken[b"once"]
    assert engines.fuzz_by_chance("own", 0, tmp_path) == 3  # a seed and both faults
    assert [path.read_bytes() for path in kept_faults(tmp_path, "own")] == [b"still"]


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=3), st.data())
def test_changed_inputs_stay_bytes(seeds: list[bytes], data: st.DataObject) -> None:
    assert isinstance(data.draw(mutated(seeds)), bytes)

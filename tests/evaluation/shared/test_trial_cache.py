"""Finished trials are found again by their settings, and by nothing less."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest

from fastssl.evaluation.shared.trial_cache import TrialCache

SETTINGS = {"encoder": "abc", "seed": 1, "recipe": {"lr": 2e-4, "epochs": 3}}
SCORES = (0.8, 0.75)


def opened(path: Path, version: int = 1, notify: Callable[[str], None] = print) -> TrialCache[tuple[float, ...]]:
    """A cache of tuples of scores."""

    def encode(scores: tuple[float, ...]) -> dict[str, Any]:
        return {"scores": scores, "first": {"score": scores[0]}}

    def decode(fields: dict[str, Any]) -> tuple[float, ...]:
        assert fields["first"]["score"] == fields["scores"][0] or isnan(fields["first"]["score"])
        return tuple(fields["scores"])

    return TrialCache(path, encode=encode, decode=decode, version=version, notify=notify)


def test_a_trial_is_found_again_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "report" / "trials.jsonl"
    opened(path).add(SETTINGS, SCORES, "mine")
    assert opened(path).find(SETTINGS) == SCORES


def test_another_setting_or_version_is_another_trial(tmp_path: Path) -> None:
    cache = opened(tmp_path / "trials.jsonl")
    cache.add(SETTINGS, SCORES, "mine")
    assert cache.find({**SETTINGS, "seed": 2}) is None
    assert cache.find({**SETTINGS, "recipe": {"lr": 2e-4, "epochs": 4}}) is None
    assert opened(tmp_path / "trials.jsonl", version=2).find(SETTINGS) is None


def test_the_order_of_settings_and_the_label_do_not_matter(tmp_path: Path) -> None:
    cache = opened(tmp_path / "trials.jsonl")
    cache.add(SETTINGS, SCORES, "mine")
    cache.add(dict(reversed(SETTINGS.items())), (0.9,), "renamed")
    assert cache.find(SETTINGS) == (0.9,)
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 1


def test_undefined_numbers_are_null_in_the_file_and_nan_again_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    opened(path).add(SETTINGS, (nan, 0.5), "mine")
    assert json.loads(path.read_text())["outcome"]["scores"] == [None, 0.5]
    found = opened(path).find(SETTINGS)
    assert isnan(found[0])
    assert found[1] == 0.5


def test_a_damaged_line_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    path, said = tmp_path / "trials.jsonl", []
    opened(path).add(SETTINGS, SCORES, "mine")
    path.write_text('{"key": \n' + path.read_text())
    assert opened(path, notify=said.append).find(SETTINGS) == SCORES
    assert said == [f"{path}, line 1: not a trial; left out"]


def test_a_trial_whose_numbers_were_changed_is_no_trial(tmp_path: Path) -> None:
    path, said = tmp_path / "trials.jsonl", []
    opened(path).add(SETTINGS, SCORES, "mine")
    whole = path.read_text()
    for changed in (whole.replace("0.75", "0.95"), whole.replace('"outcome"', '"outcome "'), whole[:-30]):
        path.write_text(changed)
        assert opened(path, notify=said.append).find(SETTINGS) is None
    assert said == [f"{path}, line 1: not a trial; left out"] * 3


@pytest.mark.parametrize(
    "line", [b"\xff\xfe", b"[1]", b"3", b"null", b"[" * 100_000, b'{"key": []}', b'{"key": "a"}', b"\0"]
)
def test_a_file_of_anything_is_a_file_without_trials(tmp_path: Path, line: bytes) -> None:
    path, said = tmp_path / "trials.jsonl", []
    path.write_bytes(line + b"\n\n\r\n")
    cache = opened(path, notify=said.append)
    assert cache.find(SETTINGS) is None
    assert len(said) == 1
    cache.add(SETTINGS, SCORES, "mine")
    assert opened(path).find(SETTINGS) == SCORES


def test_a_trial_without_a_checksum_that_holds_something_else_is_repeated(tmp_path: Path) -> None:
    path, said = tmp_path / "trials.jsonl", []
    opened(path).add(SETTINGS, SCORES, "mine")
    record = json.loads(path.read_text())
    del record["checksum"]
    for outcome in ({}, [], "x", {"scores": 3, "first": {"score": 3}}, {"first": None}):
        path.write_text(json.dumps({**record, "outcome": outcome}) + "\n")
        assert opened(path, notify=said.append).find(SETTINGS) is None
    assert said == [f"{path}: a trial cannot be read; it is repeated"] * 5


def test_trials_that_another_process_finished_meanwhile_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "report" / "trials.jsonl"
    ours, theirs = opened(path), opened(path)
    theirs.add({**SETTINGS, "seed": 2}, SCORES, "theirs")
    ours.add(SETTINGS, SCORES, "ours")
    theirs.add({**SETTINGS, "seed": 3}, SCORES, "theirs")
    found = opened(path)
    assert all(found.find({**SETTINGS, "seed": seed}) == SCORES for seed in (1, 2, 3))


def test_files_of_the_first_version_are_understood(tmp_path: Path) -> None:
    """A line as fastssl wrote it before the cache was shared by evaluations: a hash of sorted JSON with the version."""
    path = tmp_path / "finetune-trials.jsonl"
    text = '{"encoder": "abc", "recipe": {"epochs": 3, "lr": 0.0002}, "seed": 1, "version": 1}'
    key = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    fields = {"scores": [0.8, 0.75], "first": {"score": 0.8}}
    path.write_text(json.dumps({"key": key, "contender": "mine", "settings": SETTINGS, "outcome": fields}) + "\n")
    assert opened(path).find(SETTINGS) == SCORES

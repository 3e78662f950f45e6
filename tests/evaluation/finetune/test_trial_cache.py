"""Finished trials are found again by their settings, and by nothing less."""

from __future__ import annotations

import json
from dataclasses import replace
from math import isnan, nan
from pathlib import Path

from fastssl.evaluation.finetune.trial import Epoch, Outcome
from fastssl.evaluation.finetune.trial_cache import TrialLedger

SETTINGS = {"encoder": "abc", "seed": 1, "recipe": {"lr": 2e-4, "epochs": 3}}
OUTCOME = Outcome(0.8, 0.7, 2, (Epoch(0.5, 0.6, 0.5, 0.6, 0.7), Epoch(0.4, 0.7, 0.5, 0.6, 0.75)), ("a note",), 1.5)


def test_a_trial_is_found_again_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "report" / "trials.jsonl"
    TrialLedger(path, print).add(SETTINGS, OUTCOME, "mine")
    assert TrialLedger(path, print).find(SETTINGS) == OUTCOME


def test_another_setting_is_another_trial(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path / "trials.jsonl", print)
    ledger.add(SETTINGS, OUTCOME, "mine")
    assert ledger.find({**SETTINGS, "seed": 2}) is None
    assert ledger.find({**SETTINGS, "recipe": {"lr": 2e-4, "epochs": 4}}) is None


def test_undefined_numbers_are_null_in_the_file_and_nan_again_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    TrialLedger(path, print).add(SETTINGS, replace(OUTCOME, auc=nan, epochs=(Epoch(1, 1, 1, 1, nan),)), "mine")
    assert json.loads(path.read_text())["outcome"]["auc"] is None
    found = TrialLedger(path, print).find(SETTINGS)
    assert isnan(found.auc)
    assert isnan(found.epochs[0].val_auc)


def test_a_damaged_line_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    path, said = tmp_path / "trials.jsonl", []
    TrialLedger(path, print).add(SETTINGS, OUTCOME, "mine")
    path.write_text('{"key": \n' + path.read_text())
    ledger = TrialLedger(path, said.append)
    assert ledger.find(SETTINGS) == OUTCOME
    assert said == [f"{path}, line 1: not a trial; left out"]


def test_trials_that_another_process_finished_meanwhile_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "report" / "trials.jsonl"
    ours, theirs = TrialLedger(path, print), TrialLedger(path, print)
    theirs.add({**SETTINGS, "seed": 2}, OUTCOME, "theirs")
    ours.add(SETTINGS, OUTCOME, "ours")
    theirs.add({**SETTINGS, "seed": 3}, OUTCOME, "theirs")
    found = TrialLedger(path, print)
    assert all(found.find({**SETTINGS, "seed": seed}) == OUTCOME for seed in (1, 2, 3))

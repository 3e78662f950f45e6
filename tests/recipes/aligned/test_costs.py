"""What pre-training has cost: summed over calls, also those that failed or were killed."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from fastssl.errors import CheckpointError
from fastssl.recipes.aligned.costs import Cost, CostLedger


def ledger(path: Path, start: float = 1000.0) -> CostLedger:
    """Its clock moves by ten seconds whenever it is read."""
    return CostLedger(path, itertools.count(start, 10.0).__next__)


def test_calls_add_up_method_by_method_and_over_ledgers(tmp_path: Path) -> None:
    path = tmp_path / "report" / "costs.json"
    for name in ("moco", "vae", "moco"):
        with ledger(path).timed(name, tmp_path):
            pass
    assert ledger(path).cost("moco") == Cost(seconds=20.0, calls=2)
    assert ledger(path).cost("vae") == Cost(seconds=10.0, calls=1)
    assert ledger(path).cost("tower") == Cost()


def test_a_call_that_fails_counts_too(tmp_path: Path) -> None:
    costs = ledger(tmp_path / "costs.json")
    with pytest.raises(KeyboardInterrupt), costs.timed("moco", tmp_path):
        raise KeyboardInterrupt
    assert costs.cost("moco") == Cost(seconds=10.0, calls=1)


@pytest.mark.parametrize(("written", "seconds"), [(1025.0, 25.0 + 10.0), (900.0, 10.0), (None, 10.0)])
def test_a_call_that_was_killed_ends_with_the_last_file_that_it_wrote(
    tmp_path: Path, written: float | None, seconds: float
) -> None:
    path, folder = tmp_path / "costs.json", tmp_path / "moco" / "checkpoints"
    path.write_text(json.dumps({"moco": {"seconds": 0.0, "calls": 0, "open_since": 1000.0}}))
    if written is not None:
        folder.mkdir(parents=True)
        (folder / "state.json").write_text("{}")
        os.utime(folder / "state.json", (written, written))
    with ledger(path, start=5000.0).timed("moco", tmp_path / "moco"):
        pass
    assert ledger(path).cost("moco") == Cost(seconds=seconds, calls=2)


@pytest.mark.parametrize("content", ["{", "[]", '{"moco": {"minutes": 3}}'])
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "costs.json"
    path.write_text(content)
    with pytest.raises(CheckpointError, match=r"costs\.json: cannot be read; delete it"):
        ledger(path).cost("moco")

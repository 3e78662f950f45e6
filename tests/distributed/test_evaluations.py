"""Evaluations of two processes: the report of one, from features and trials that both have made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fastssl
from fastssl.console import silent_console
from fastssl.data.named.demo import open_demo
from fastssl.distributed.world import on_its_own, world

QUIET = {"device": "cpu", "precision": "fp32", "quiet": True}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on some of the demo set's images, in a file."""
    small = tmp_path_factory.mktemp("data") / "small.npz"
    splits = open_demo(counts={"train": 160, "val": 80, "test": 80}).splits
    np.savez(
        small,
        **{f"{name}_images": split.images for name, split in splits.items()},
        **{f"{name}_labels": split.labels for name, split in splits.items()},
    )
    folder = tmp_path_factory.mktemp("runs") / "moco"
    settings = {"encoder": "test_resnet", "batch_size": 32, "steps": 2, "queue_size": 64, **QUIET}
    fastssl.train(stage="moco", data=small, out=folder, console=silent_console(), **settings)
    return folder


def probed(run: str) -> list[tuple]:
    result = fastssl.probe(run, console=silent_console(), batch_size=64, **QUIET)
    return [(row.features, row.classifier, row.auc, row.acc) for row in result.rows]


def test_a_probe_of_two_processes_is_that_of_one(ranks: Callable, run: Path) -> None:
    first, second = ranks(2)(probed, str(run))
    assert first == second
    features = list((run / "features").glob("*.safetensors"))
    assert len(features) == 6  # of two encoders on three splits, each kept once
    for path in features:
        path.unlink()
    (run / "report" / "probe.json").unlink()
    alone = probed(str(run))
    for (name, classifier, auc, acc), (*same, own_auc, own_acc) in zip(first, alone, strict=True):
        assert [name, classifier] == same
        assert (auc, acc) == pytest.approx((own_auc, own_acc), abs=2e-3)


def probed_on_a_disk_of_its_own(runs: list[str]) -> list[list[tuple]]:
    return [probed(runs[world().rank]) for _ in range(2)]


def test_machines_that_share_no_disk_find_kept_features_together_or_not_at_all(
    ranks: Callable, run: Path, tmp_path: Path
) -> None:
    """The first process keeps features, the second's folder never has any: neither may wait for the other."""
    runs = [tmp_path / "first", tmp_path / "second"]
    for folder in runs:
        shutil.copytree(run, folder, ignore=shutil.ignore_patterns("features", "report"))
    (before, again), *others = ranks(2)(probed_on_a_disk_of_its_own, [str(folder) for folder in runs])
    assert before == again
    assert others == [[before, again]]
    assert not (runs[1] / "features").exists()


def finetuned(run: str, out: str) -> tuple[list, int]:
    result = fastssl.finetune(
        run, console=silent_console(), out=Path(out), epochs=1, trials=2, batch_size=64, label_fraction=0.1, **QUIET
    )
    return [(trial.encoder, trial.seed, trial.result.auc) for trial in result.trials], world().rank


def test_trials_are_divided_and_all_reported(ranks: Callable, run: Path, tmp_path: Path) -> None:
    results = ranks(2)(finetuned, str(run), str(tmp_path / "two"))
    assert results[0][0] == results[1][0]
    (alone, _) = finetuned(str(run), str(tmp_path / "one"))
    assert [trial[:2] for trial in alone] == [trial[:2] for trial in results[0][0]]
    assert [trial[2] for trial in alone] == pytest.approx([trial[2] for trial in results[0][0]], abs=1e-6)
    (cache,) = (tmp_path / "two").rglob("*.jsonl")
    assert len([json.loads(line) for line in cache.read_text().splitlines()]) == len(alone)


def seen_worlds() -> list[int]:
    sizes = [world().size]
    with on_its_own():
        sizes.append(world().size)
    return [*sizes, world().size]


def test_a_trial_is_on_its_own(ranks: Callable) -> None:
    assert ranks(2)(seen_worlds) == [[2, 1, 2]] * 2

"""What evaluations keep: features and finished trials."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fastssl.evaluation.finetune.trial import Epoch, TrialResult
from fastssl.evaluation.finetune.trial_record import open_trial_cache as open_finetune_cache
from fastssl.evaluation.segment.metrics import score_image
from fastssl.evaluation.segment.trial_record import FinishedTrial, SegmentTrial
from fastssl.evaluation.segment.trial_record import open_trial_cache as open_segment_cache
from fastssl.evaluation.shared.features import FeatureCache, FeatureKey
from fastssl.evaluation.shared.trial_cache import TrialCache
from tests.fuzz.target import Target

KEY = FeatureKey(encoder="e", data="d", split="test", view="v", precision="float32")
FEATURES = torch.arange(12.0).view(3, 4)
SETTINGS = {"seed": 3, "recipe": {"lr": 0.1}}


@cache
def _features_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        kept = FeatureCache(Path(folder))
        kept.keep(KEY, FEATURES)
        return kept.path(KEY).read_bytes()


def _features() -> Sequence[bytes]:
    return [_features_file()]


def _get_features(content: bytes, folder: Path) -> None:
    """Whatever is in the file, the features are those that were kept, or none."""
    kept = FeatureCache(folder)
    kept.path(KEY).write_bytes(content)
    found = kept.find(KEY)
    assert found is None or torch.equal(found, FEATURES)


def _finetune_trial() -> TrialResult:
    epoch = Epoch(train_loss=0.7, train_acc=0.5, val_loss=0.8, val_acc=0.4, val_auc=0.6)
    return TrialResult(auc=0.5, acc=0.5, best_epoch=1, epochs=(epoch,), notes=("a",), seconds=1.0)


def _segment_trial() -> FinishedTrial:
    mask = np.eye(8, dtype=bool)
    score = score_image("a", mask.astype(np.float32), mask, None)
    figures = SegmentTrial(seed=3, steps=2, best_step=1, val_dice=0.5, seconds_per_step=0.1, test=(score,))
    return FinishedTrial(figures=figures, shown=(mask,))


def _lines_of(open_cache: Callable[..., TrialCache[Any]], make: Callable[[], Any]) -> Callable[[], Sequence[bytes]]:
    @cache
    def made() -> Sequence[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            open_cache(Path(folder), lambda line: None).add(SETTINGS, make(), "label")
            (path,) = Path(folder).glob("*.jsonl")
            return [path.read_bytes(), path.read_bytes() * 2]

    return made


def _find(open_cache: Callable[..., TrialCache[Any]], make: Callable[[], Any]) -> Callable[[bytes, Path], None]:
    def run(content: bytes, folder: Path) -> None:
        open_cache(folder, lambda line: None).add(SETTINGS, make(), "label")
        (path,) = folder.glob("*.jsonl")
        path.write_bytes(content)
        found = open_cache(folder, lambda line: None)
        result = found.find(SETTINGS)
        assert result is None or repr(result) == repr(make()) or b"checksum" not in content
        found.add({"seed": 4}, make(), "other")
        assert open_cache(folder, lambda line: None).find({"seed": 4}) is not None

    return run


TARGETS = (
    Target(name="features", seeds=_features, run=_get_features),
    Target(
        name="finetune-trials",
        seeds=_lines_of(open_finetune_cache, _finetune_trial),
        run=_find(open_finetune_cache, _finetune_trial),
    ),
    Target(
        name="segment-trials",
        seeds=_lines_of(open_segment_cache, _segment_trial),
        run=_find(open_segment_cache, _segment_trial),
    ),
)

"""The JSON files of evaluations, as far as a report shows them.

Covers: their forms. Files of older versions lack keys and newer ones have more: both are read. Does not cover: reading
them (`stored_file.py`), writing them (each evaluation's own `report.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Annotated, Any

from pydantic import Field

from .stored_file import Number, StoredFile


class StoredMean(StoredFile):
    """A mean over seeds, as `MeanInterval`."""

    mean: Number
    std: Number = nan
    low: Number = nan
    high: Number = nan


class StoredTest(StoredFile):
    """A difference with its test, as `PairedTest`."""

    difference: Number
    low: Number = nan
    high: Number = nan
    p: Number = nan
    p_holm: Number = nan
    comparisons: int = 0
    reason: str = ""


class StoredDetail(StoredFile):
    """More on how well classes are told apart."""

    balanced_acc: Number = nan
    recall: tuple[Number, ...] = ()
    kappa: Number = nan
    ece: Number = nan
    confusion: tuple[tuple[Number, ...], ...] | None = None
    auc_low: Number = nan
    auc_high: Number = nan
    acc_low: Number = nan
    acc_high: Number = nan


class StoredProbeRow(StoredFile):
    """A row of `probe.json`."""

    features: str
    classifier: str
    auc: Number
    acc: Number
    val_auc: Number = nan
    val_acc: Number = nan
    setting: str = ""
    n_train: int | None = None
    detail: StoredDetail | None = None


class Evaluation(StoredFile):
    """What the files of all evaluations have."""

    data: str
    notes: tuple[str, ...] = ()
    command: str = ""
    class_names: tuple[str, ...] = ()


class ProbeFile(Evaluation):
    """`probe.json`."""

    encoder: str = ""
    size: int = 0
    n_train: int = 0
    n_val: int = 0
    n_test: int = 0
    rows: tuple[StoredProbeRow, ...]


class StoredFewshotRow(StoredFile):
    """A row of `fewshot.json`."""

    encoder: str
    shots: int
    acc: StoredMean
    auc: StoredMean


class StoredFewshotPair(StoredFile):
    """A comparison of `fewshot.json`."""

    encoder: str
    against: str
    shots: int
    metric: str
    test: StoredTest


class FewshotFile(Evaluation):
    """`fewshot.json`."""

    n_pool: int = 0
    n_test: int = 0
    seeds: tuple[int, ...] = ()
    rows: Annotated[tuple[StoredFewshotRow, ...], Field(min_length=1)]
    pairs: tuple[StoredFewshotPair, ...] = ()


class StoredFinetuneRow(StoredFile):
    """A row of `finetune.json`."""

    encoder: str
    label_fraction: float
    n_train: int = 0
    trials: int = 1
    auc: Number
    auc_std: Number = nan
    acc: Number
    acc_std: Number = nan
    overfitting_gap: Number = nan


class StoredFinetuneComparison(StoredTest):
    """A comparison of `finetune.json`, with its test's own keys."""

    encoder: str
    against: str
    label_fraction: float
    pairs: int = 0


class StoredSaving(StoredFile):
    """How many labels a run saves, in words."""

    text: str = ""


class StoredTrial(StoredFile):
    """A trial of `finetune.json`."""

    encoder: str
    label_fraction: float
    seed: int = 0
    detail: StoredDetail | None = None


class FinetuneFile(Evaluation):
    """`finetune.json` or `finetune-frozen.json`."""

    size: int = 0
    n_train: int = 0
    n_val: int = 0
    n_test: int = 0
    how: str = ""
    rows: Annotated[tuple[StoredFinetuneRow, ...], Field(min_length=1)]
    comparisons: tuple[StoredFinetuneComparison, ...] = ()
    savings: tuple[StoredSaving, ...] = ()
    published: tuple[float, float] | None = None
    trials: tuple[StoredTrial, ...] = ()


class StoredSegmentTrial(StoredFile):
    """A trial of a row of `segment.json`."""

    seed: int = 0


class StoredSegmentRow(StoredFile):
    """A row of `segment.json`."""

    run: str
    encoder_init: str = ""
    decoder_init: str = ""
    trials: tuple[StoredSegmentTrial, ...] = ()
    mean: Mapping[str, Number]
    std_over_images: Mapping[str, Number] = {}
    std_over_trials: Mapping[str, Number] = {}
    dice_low: Number = nan
    dice_high: Number = nan


class StoredSegmentPair(StoredTest):
    """A comparison of `segment.json`, with its test's own keys."""

    initialization: str
    against: str


class SegmentFile(Evaluation):
    """`segment.json`."""

    encoder: str = ""
    images: Mapping[str, tuple[str, ...]] = {}
    rows: Annotated[tuple[StoredSegmentRow, ...], Field(min_length=1)]
    pairs: tuple[StoredSegmentPair, ...] = ()


class StoredAlignedRow(StoredFile):
    """A candidate of `aligned.json`."""

    candidate: str
    encoder: str = ""
    pretraining_seconds: Number = 0.0
    images: int = 0
    proxy: StoredMean
    proxy_seconds: Number = 0.0
    rank: int = 0
    finetuned: StoredMean
    finetune_seconds: Number = 0.0
    left_out: str = ""


class StoredLead(StoredFile):
    """A method against the better baseline, of `aligned.json`."""

    method: str
    against: str
    test: StoredTest


class AlignedFile(StoredFile):
    """`aligned.json`."""

    data: str
    metric: str
    rows: Annotated[tuple[StoredAlignedRow, ...], Field(min_length=1)]
    leads: tuple[StoredLead, ...] = ()
    winner: str | None = None
    decision: str = ""
    agreed: str = ""
    notes: tuple[str, ...] = ()


class StageScoresFile(StoredFile):
    """What a stage's heads have learnt: `report/STAGE.json`."""

    split: str = ""
    images: int = 0
    tasks: Mapping[str, Mapping[str, Any]]

"""Scores are read from the files that fastssl's own reports write."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import pytest

from bench.reproduce.declaration import Score
from bench.reproduce.reports import (
    PUBLISHED,
    fewshot_scores,
    finetune_scores,
    frozen_scores,
    probe_scores,
    segment_scores,
)
from fastssl.evaluation.fewshot.report import FewshotResult, FewshotRow, write_fewshot_report
from fastssl.evaluation.finetune.report import FinetuneResult, write_report
from fastssl.evaluation.finetune.summary import FinetuneTrial, summarize
from fastssl.evaluation.finetune.trial import Epoch, TrialResult
from fastssl.evaluation.probe.report import ProbeResult, ProbeRow, write_probe_report
from fastssl.evaluation.segment.metrics import ImageScore
from fastssl.evaluation.segment.report import SegmentResult, write_segment_report
from fastssl.evaluation.segment.summary import SegmentRow
from fastssl.evaluation.segment.trial_record import SegmentTrial
from fastssl.evaluation.shared.statistics import mean_interval


def finetune_trial(encoder: str, fraction: float, seed: int, auc: float) -> FinetuneTrial:
    epoch = Epoch(train_loss=0.2, train_acc=0.9, val_loss=0.5, val_acc=0.8, val_auc=0.8)
    result = TrialResult(auc=auc, acc=auc - 0.1, best_epoch=1, epochs=(epoch,), seconds=1.0, notes=())
    return FinetuneTrial(encoder=encoder, label_fraction=fraction, seed=seed, n_train=9, result=result)


@pytest.fixture
def finetune_json(tmp_path: Path) -> Path:
    trials = tuple(
        finetune_trial(encoder, fraction, seed, base + 0.01 * seed)
        for encoder, base in (("tower", 0.8), ("other", 0.7))
        for fraction in (1.0, 0.1)
        for seed in (3, 5)
    )
    result = FinetuneResult(
        data="d",
        task="t",
        size=28,
        n_train=9,
        n_val=9,
        n_test=9,
        recipe={"frozen": False},
        how="",
        rows=summarize(trials),
        comparisons=(),
        savings=(),
        published=(0.95, 0.85),
        curves={},
        trials=trials,
        notes=(),
        folder="",
    )
    write_report(result, tmp_path, b"")
    return tmp_path / "finetune.json"


def test_fine_tuning_has_a_column_for_each_share_with_its_trials_and_the_published_result(finetune_json: Path) -> None:
    found = finetune_scores(finetune_json, {"tower": "TOWER", PUBLISHED: "theirs"}, "{} {}".format)
    by_cell = {(one.row, one.column): one for one in found}
    assert set(by_cell) == {
        *(("TOWER", f"{metric} {fraction}") for metric in ("AUC", "ACC") for fraction in (1.0, 0.1)),
        ("theirs", "AUC 1.0"),
        ("theirs", "ACC 1.0"),
    }
    assert by_cell["TOWER", "AUC 0.1"].value == pytest.approx(0.84)
    assert by_cell["TOWER", "AUC 0.1"].parts == pytest.approx((0.83, 0.85))
    assert by_cell["theirs", "ACC 1.0"].value == 0.85


def test_the_fit_of_classifiers_is_read_from_the_rows(finetune_json: Path) -> None:
    found = frozen_scores(finetune_json, {"tower": "TOWER"}, {"overfitting_gap": "gap"})
    assert {one.row for one in found} == {"TOWER"}
    assert [one.value for one in found] == pytest.approx([0.3, 0.3])


def test_few_shots_have_a_column_for_each_number_with_its_draws(tmp_path: Path) -> None:
    row = FewshotRow(
        encoder="moco",
        shots=5,
        dim=8,
        overlap=0.1,
        acc=mean_interval([0.5, 0.7]),
        auc=mean_interval([0.4, nan]),
        acc_by_seed=(0.5, 0.7),
        auc_by_seed=(0.4, nan),
    )
    result = FewshotResult(
        data="d",
        task="t",
        n_pool=9,
        n_test=9,
        seeds=(0, 1),
        l2=None,
        rows=(row, replace(row, encoder="other")),
        pairs=(),
    )
    write_fewshot_report(result, tmp_path)
    acc, auc = sorted(fewshot_scores(tmp_path / "fewshot.json", {"moco": "MoCo"}), key=lambda one: one.column)
    assert acc == Score(row="MoCo", column="ACC, K = 5", value=pytest.approx(0.6), parts=(0.5, 0.7))
    assert auc.parts[0] == 0.4
    assert isnan(auc.parts[1])
    assert isnan(auc.value)


def test_a_probe_has_rows_by_features_and_classifier(tmp_path: Path) -> None:
    rows = tuple(
        ProbeRow(features=features, classifier="linear", auc=auc, acc=0.5)
        for features, auc in (("trained", 0.9), ("raw pixels", 0.8))
    )
    result = ProbeResult(encoder="e", data="d", task="t", size=28, n_train=9, n_val=9, n_test=9, rows=rows)
    write_probe_report(result, tmp_path)
    found = probe_scores(tmp_path / "probe.json", {("trained", "linear"): "MoCo, linear"}, "set {}".format)
    assert found == [
        Score(row="MoCo, linear", column="set AUC", value=0.9),
        Score(row="MoCo, linear", column="set ACC", value=0.5),
    ]


def test_a_segmentation_keeps_the_scores_of_its_images(tmp_path: Path) -> None:
    images = tuple(
        ImageScore(image=name, dice=dice, iou=0.1, sensitivity=nan, specificity=0.9, auc=0.9)
        for name, dice in (("a", 0.6), ("b", 0.8))
    )
    trial = SegmentTrial(seed=0, steps=2, best_step=1, val_dice=0.5, seconds_per_step=0.1, test=images)
    rows = tuple(
        SegmentRow(run=run, encoder_init="run", decoder_init="run", trials=(trial,)) for run in ("tower", "gen")
    )
    result = SegmentResult(data="d", encoder="e", images={}, settings={}, rows=rows)
    write_segment_report(result, tmp_path)
    (found,) = segment_scores(tmp_path / "segment.json", {"tower": "TOWER"}, "dice", "Dice")
    assert found == Score(row="TOWER", column="Dice", value=pytest.approx(0.7), parts=(0.6, 0.8))

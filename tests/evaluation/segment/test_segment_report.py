"""Initializations are compared over trials as the other evaluations compare encoders."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from fastssl.evaluation.segment.metrics import ImageScore
from fastssl.evaluation.segment.report import SegmentResult, write_segment_report
from fastssl.evaluation.segment.summary import SegmentRow, baseline_row, interval_note, with_intervals
from fastssl.evaluation.segment.trial_record import SegmentTrial

DICE = {("tower", "run", "run"): [0.7, 0.74, 0.75], ("tower", "run", "random"): [0.6, 0.62, 0.7]}
DICE |= {("random", "random", "random"): [0.55, 0.52, 0.61]}
TOWER, MIXED, RANDOM = DICE.values()


def scores(dice: float) -> tuple[ImageScore, ...]:
    """Two images around the mean."""
    return tuple(
        ImageScore(image=str(n), dice=dice + off, iou=0.5, sensitivity=nan, specificity=0.5, auc=0.5)
        for n, off in enumerate((-0.1, 0.1))
    )


def trial(seed: int, dice: float) -> SegmentTrial:
    return SegmentTrial(seed=seed, steps=9, best_step=5, val_dice=0.5, seconds_per_step=0.1, test=scores(dice))


def result(trials: int) -> SegmentResult:
    rows = tuple(
        SegmentRow(
            run=run,
            encoder_init=encoder,
            decoder_init=decoder,
            trials=tuple(trial(seed, dice[seed]) for seed in range(trials)),
        )
        for (run, encoder, decoder), dice in DICE.items()
    )
    return SegmentResult(
        data="vessels",
        encoder="test_resnet",
        images={"test": ["0", "1"]},
        settings={},
        rows=(baseline_row(scores(0.2)), *rows),
        notes=("mind this",),
        folder="report",
    )


def shown(made: SegmentResult, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    made.print(console)
    said: str = console.file.getvalue()
    return said


def test_means_and_deviations_are_over_trials() -> None:
    row = result(3).row("tower", "run", "random")
    assert row.mean("dice") == pytest.approx(np.mean(MIXED))
    assert row.std_over_trials("dice") == pytest.approx(np.std(MIXED, ddof=1))
    assert np.isnan(result(1).row("tower", "run", "random").std_over_trials("dice"))


def test_intervals_of_dice_are_over_images_or_over_patients() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(0.4, 0.9, (2, 30))
    own = tuple(
        SegmentTrial(
            seed=seed,
            steps=9,
            best_step=5,
            val_dice=0.5,
            seconds_per_step=0.1,
            test=tuple(
                ImageScore(image=f"i{n}", dice=value, iou=0.5, sensitivity=0.5, specificity=0.5, auc=0.5)
                for n, value in enumerate(dice)
            ),
        )
        for seed, dice in enumerate(values)
    )
    row = SegmentRow(run="tower", encoder_init="run", decoder_init="run", trials=own)
    (by_image,) = with_intervals([row], {})
    spread = 1.96 * values.mean(axis=0).std() / np.sqrt(30)
    assert (by_image.dice_low, by_image.dice_high) == pytest.approx(
        (values.mean() - spread, values.mean() + spread), abs=0.01
    )
    pairs = {f"i{n}": f"p{n // 15}" for n in range(30)}  # two patients: a resample has one of three means
    (by_patient,) = with_intervals([row], pairs)
    means = sorted((values[:, :15].mean(), values[:, 15:].mean()))
    assert (by_patient.dice_low, by_patient.dice_high) == pytest.approx(means)
    assert interval_note(row, {}).endswith("bootstrap resamples of the 30 test images")
    assert "of the 2 patients of the 30 test images; of so few they tend to be too short" in interval_note(row, pairs)


@pytest.mark.parametrize("width", [120, 80])
def test_intervals_are_shown_however_wide_the_terminal_is(width: int) -> None:
    made = result(3)
    lines = shown(replace(made, rows=with_intervals(made.rows, {})), width).splitlines()
    for label in ("all foreground", "tower (run, random)", "random"):
        assert any(label in line and " to 0." in line for line in lines)


def test_every_two_initializations_are_tested_by_scipys_paired_t_and_adjusted_by_holm() -> None:
    pairs = result(3).pairs
    names = ["tower (run, run)", "tower (run, random)", "random"]
    assert [(one.initialization, one.against) for one in pairs] == [
        (names[i], names[j]) for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    expected = [stats.ttest_rel(*two) for two in ((TOWER, MIXED), (TOWER, RANDOM), (MIXED, RANDOM))]
    assert [one.test.p for one in pairs] == pytest.approx([one.pvalue for one in expected])
    assert [one.test.low for one in pairs] == pytest.approx([one.confidence_interval().low for one in expected])
    first, second, third = sorted(one.pvalue for one in expected)
    by_hand = [3 * first, max(3 * first, 2 * second), max(3 * first, 2 * second, third)]
    assert sorted(one.test.p_holm for one in pairs) == pytest.approx(by_hand)


@pytest.mark.parametrize("width", [80, 120])
def test_differences_are_shown_with_interval_and_the_number_of_comparisons(width: int) -> None:
    made = result(3)
    said, test = shown(made, width), made.pairs[1].test
    assert f"{test.difference:+.3f}" in said
    assert f"{test.low:+.3f} to {test.high:+.3f}" in said
    assert "95 % interval of each; p: paired t-test, Holm-adjusted over 3 comparisons\n" in said
    assert max(len(line.rstrip()) for line in said.splitlines()) <= width


def test_one_trial_of_each_is_no_comparison_and_that_is_said() -> None:
    said = shown(result(1))
    assert "note: no p-value for 3 of 3 comparisons: a single seed" in said
    assert "differences in test Dice" not in said


def test_pairs_are_written_with_null_for_what_is_undefined(tmp_path: Path) -> None:
    write_segment_report(result(1), tmp_path)
    stored = json.loads((tmp_path / "segment.json").read_text(), parse_constant=pytest.fail)["pairs"]
    assert [(one["p"], one["p_holm"], one["low"], one["reason"]) for one in stored] == [
        (None,) * 3 + ("a single seed",)
    ] * 3
    write_segment_report(result(3), tmp_path)
    lines = list(csv.DictReader((tmp_path / "segment-pairs.csv").open()))
    assert [float(line["p_holm"]) for line in lines] == [pair.test.p_holm for pair in result(3).pairs]
    images = list(csv.DictReader((tmp_path / "segment.csv").open()))
    assert (len(images), images[2]["run"], images[2]["sensitivity"]) == (2 + 3 * 3 * 2, "tower", "")

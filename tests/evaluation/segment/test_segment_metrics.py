"""Metrics of one image against scikit-learn and SciPy, inside a field of view, and where the truth is empty."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pytest
from scipy.spatial.distance import dice as dice_distance
from sklearn.metrics import confusion_matrix, jaccard_score, roc_auc_score

from fastssl.evaluation.segment.metrics import ImageScore, mean_score, pixel_auc, score_image, std_score

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("levels", [None, 5])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_metrics_agree_with_other_libraries(levels: int | None, share: float) -> None:
    truth = RNG.random((40, 30)) < share
    probability = np.clip(0.4 * truth + 0.7 * RNG.random((40, 30)), 0, 1).astype(np.float32)
    if levels:
        probability = np.round(probability * levels).astype(np.float32) / levels
    inside = RNG.random((40, 30)) < 0.7
    found = score_image("a", probability, truth, inside)
    labels, scores = truth[inside], probability[inside]
    answer = scores >= 0.5
    tn, fp, fn, tp = confusion_matrix(labels, answer).ravel()
    assert found.dice == pytest.approx(1 - dice_distance(labels, answer))
    assert found.iou == pytest.approx(jaccard_score(labels, answer))
    assert found.sensitivity == pytest.approx(tp / (tp + fn))
    assert found.specificity == pytest.approx(tn / (tn + fp))
    assert found.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_what_lies_outside_the_field_of_view_changes_nothing() -> None:
    truth, probability = RNG.random((9, 9)) > 0.5, RNG.random((9, 9))
    inside = np.zeros((9, 9), bool)
    inside[2:7, 2:7] = True
    spoilt = np.where(inside, probability, 1 - truth)
    expected = score_image("a", probability[2:7, 2:7], truth[2:7, 2:7])
    assert score_image("a", spoilt, truth, inside) == expected
    assert score_image("a", spoilt, truth) != expected


@pytest.mark.parametrize(
    ("truth", "answer", "expected"),
    [
        (False, 0.0, (1.0, 1.0, nan, 1.0, nan)),
        (False, 1.0, (0.0, 0.0, nan, 0.0, nan)),
        (True, 0.0, (0.0, 0.0, 0.0, nan, nan)),
        (True, 1.0, (1.0, 1.0, 1.0, nan, nan)),
    ],
)
def test_images_all_of_one_kind_have_defined_values_or_none(
    truth: bool, answer: float, expected: tuple[float, ...]
) -> None:
    found = score_image("a", np.full((4, 4), answer), np.full((4, 4), truth))
    values = (found.dice, found.iou, found.sensitivity, found.specificity, found.auc)
    np.testing.assert_array_equal(values, expected)


def test_means_and_deviations_leave_out_what_is_undefined() -> None:
    scores = [
        ImageScore(image=str(value), dice=value, iou=value, sensitivity=value, specificity=value, auc=nan)
        for value in (0.2, 0.5)
    ]
    scores.append(ImageScore(image="empty", dice=1.0, iou=1.0, sensitivity=nan, specificity=1.0, auc=nan))
    assert mean_score(scores, "sensitivity") == pytest.approx(0.35)
    assert std_score(scores, "sensitivity") == pytest.approx(np.std([0.2, 0.5], ddof=1))
    assert mean_score(scores, "dice") == pytest.approx(1.7 / 3)
    assert isnan(mean_score(scores, "auc"))
    assert isnan(std_score(scores[:1], "dice"))


def test_auc_of_ties_is_a_half() -> None:
    assert pixel_auc(np.full(6, 0.3), np.array([1, 0, 1, 0, 0, 0], bool)) == 0.5


@pytest.mark.parametrize(
    ("probability", "inside", "expected"),
    [
        (np.zeros((4, 5)), None, "must have one shape"),
        (np.full((4, 4), nan), None, "not finite"),
        (np.zeros((4, 4)), np.zeros((4, 4), bool), "no pixel lies in the field of view"),
    ],
)
def test_what_cannot_be_scored_is_refused(probability: np.ndarray, inside: np.ndarray | None, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        score_image("a", probability, np.ones((4, 4), bool), inside)

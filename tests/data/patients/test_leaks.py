"""Patients in two splits are counted, refused, and warned of where they are allowed."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.patients import check_leaks, count_shared
from fastssl.errors import DataError

GROUPS = {"train": np.array([1, 1, 2, 3]), "val": np.array([3, 4]), "test": np.array([3, 1, 5, 5])}


def test_a_patient_counts_once_in_however_many_splits() -> None:
    assert count_shared(GROUPS) == 2
    assert count_shared({"train": GROUPS["train"]}) == 0
    assert count_shared({}) == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_count_is_that_of_sets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = {name: rng.integers(0, 30, 20) for name in ("train", "val", "test")}
    train, val, test = (set(own.tolist()) for own in groups.values())
    assert count_shared(groups) == len(train & val | train & test | val & test)


def test_they_are_refused_in_one_line_that_counts_them() -> None:
    with pytest.raises(DataError) as caught:
        check_leaks(GROUPS, "/data/x", allow_leak=False)
    assert str(caught.value) == (
        "/data/x: 1 patient has images in train and in val, 2 patients have images in train and in test, 1 patient has "
        "images in val and in test: scores there would be too good; divide the images by patient, or go on with "
        "--allow-leak"
    )


def test_they_are_warned_of_where_they_are_allowed() -> None:
    lines = check_leaks(GROUPS, "/data/x", allow_leak=True)
    assert len(lines) == 3
    assert lines[1] == "warning: 2 patients have images in train and in test: scores there may be too good"


@pytest.mark.parametrize("allow_leak", [False, True])
def test_patients_in_one_split_each_are_no_leak(allow_leak: bool) -> None:
    assert check_leaks({"train": np.array([1, 2]), "test": np.array([3])}, "x", allow_leak=allow_leak) == ()

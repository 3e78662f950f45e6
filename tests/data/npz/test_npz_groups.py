"""Arrays that say whose an image is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.npz.open import open_npz
from fastssl.data.patients import PatientOptions
from fastssl.data.source import Source
from fastssl.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 16), dtype=np.uint8)
NAMES = np.array([f"p{index // 3}" for index in range(12)])


@pytest.fixture(autouse=True)
def one_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSSL_SALT", "of these tests")


def opened(folder: Path, patients: PatientOptions | None = None, **arrays: np.ndarray) -> Source:
    whole = {"train_images": IMAGES, "train_labels": np.arange(12) % 2, "test_images": IMAGES[:6], **arrays}
    np.savez(folder / "cells.npz", **whole)
    return open_npz(folder / "cells.npz", patients=patients)


@pytest.mark.parametrize(
    "names",
    [NAMES, NAMES[:, None], NAMES.astype("S"), np.arange(12) // 3 * 1000 - 7, (np.arange(12) // 3).astype(np.uint8)],
    ids=["text", "column", "bytes", "numbers", "small numbers"],
)
def test_equal_names_are_one_patient_whatever_their_type(names: np.ndarray, tmp_path: Path) -> None:
    found = opened(tmp_path, train_groups=names).splits["train"].groups
    assert found is not None
    assert (found.dtype, found.shape) == (np.int64, (12,))
    np.testing.assert_array_equal(found[:, None] == found, NAMES[:, None] == NAMES)


SHARED = {"train_groups": NAMES, "test_groups": np.array(["p0", "p0", "p3", "q", "q", "q"])}


def test_a_patient_in_two_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 patients have images in train and in test: .* go on with --allow-leak"):
        opened(tmp_path, **SHARED)


def test_a_patient_in_two_splits_has_one_number_and_is_told_where_it_is_allowed(tmp_path: Path) -> None:
    source = opened(tmp_path, PatientOptions(allow_leak=True), **SHARED)
    train, test = (source.splits[split].groups for split in ("train", "test"))
    np.testing.assert_array_equal(test[:3], [train[0], train[0], train[-1]])
    assert test[3] not in train
    assert source.report.notes == (
        "warning: 2 patients have images in train and in test: scores there may be too good",
    )
    assert "patients    train 4, test 3; 2 patients in two splits" in source.report.lines()


def test_patients_are_called_by_pseudonyms_unless_that_is_refused(tmp_path: Path) -> None:
    plain = opened(tmp_path, PatientOptions(pseudonymise=False), train_groups=NAMES)
    assert plain.group_names == ("p0", "p1", "p2", "p3")
    hidden = opened(tmp_path, train_groups=NAMES)
    assert hidden.fingerprint == plain.fingerprint
    assert len(set(hidden.group_names)) == 4
    assert all(len(name) == 12 and int(name, 16) >= 0 for name in hidden.group_names)


def test_groups_can_be_left_out_and_nothing_else_can_be_asked_for(tmp_path: Path) -> None:
    assert opened(tmp_path, PatientOptions(group="none"), **SHARED).splits["train"].groups is None
    with pytest.raises(DataError, match="group='folder' has no meaning there"):
        opened(tmp_path, PatientOptions(group="folder"), train_groups=NAMES)


def test_without_groups_nothing_changes(tmp_path: Path) -> None:
    plain = opened(tmp_path)
    assert plain.splits["train"].groups is None
    grouped = opened(tmp_path, train_groups=NAMES)
    assert grouped.fingerprint != plain.fingerprint
    assert grouped.image_fingerprint == plain.image_fingerprint
    assert opened(tmp_path, train_groups=np.arange(12) // 3).fingerprint == grouped.fingerprint


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (NAMES[:5], r"train_groups have shape \[5\] and there are 12 images; save one number or name for each image"),
        (np.zeros((12, 2), int), r"train_groups have shape \[12, 2\]"),
        (np.linspace(0, 1, 12), "train_groups are float64; save whole numbers or text"),
        (NAMES.astype(object), r"train_groups are Python objects \(pickled\); save whole numbers or text"),
    ],
    ids=["short", "table", "fractions", "objects"],
)
def test_groups_that_do_not_fit_are_refused_in_one_line(groups: np.ndarray, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as caught:
        opened(tmp_path, train_groups=groups)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "cells.npz") in str(caught.value)


def test_another_name_is_hinted_at(tmp_path: Path) -> None:
    np.savez(tmp_path / "cells.npz", train_images=IMAGES, train_patients=NAMES)
    notes = open_source(str(tmp_path / "cells.npz")).report.notes
    assert any("train_patients (rename it to train_groups to have it read)" in note for note in notes)

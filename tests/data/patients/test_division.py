"""Whole patients in train, val and test: properties, and the balance of classes against scikit-learn's."""

from __future__ import annotations

import unicodedata
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from fastssl.data.splits import SPLITS, assign_splits, notes_on_few_patients

SHARES = np.array([0.7, 0.1, 0.2])


def draw(seed: int, patients: int, classes: int = 3, most: int = 12) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Paths, labels and groups: 1 to `most` images a patient, nearly all of one class."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(patients), rng.integers(1, most + 1, patients))
    own = rng.choice(classes, patients, p=rng.dirichlet(np.full(classes, 2.0)))[groups]
    labels = np.where(rng.random(len(groups)) < 0.1, rng.integers(0, classes, len(groups)), own)
    return [f"p{patient}/{row}.png" for row, patient in enumerate(groups)], labels, groups


def parts_of(splits: list[str]) -> np.ndarray:
    return np.array([SPLITS.index(split) for split in splits])


def unevenness(labels: np.ndarray, parts: np.ndarray) -> float:
    """Root mean square of how far the share of each class in each split is from 70, 10 and 20 %."""
    counts = np.array([np.bincount(labels[parts == part], minlength=labels.max() + 1) for part in range(3)])
    counts = counts[:, counts.any(axis=0)]
    return float(np.sqrt(((counts / counts.sum(axis=0) - SHARES[:, None]) ** 2).mean()))


def dealt_by_scikit_learn(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Two of ten folds for test, one for val."""
    parts = np.zeros(len(labels), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer images than folds
        folds = StratifiedGroupKFold(10, shuffle=True, random_state=seed).split(labels, labels, groups)
        for part, (_, rows) in zip((2, 2, 1), folds, strict=False):
            parts[rows] = part
    return parts


def test_classes_are_as_even_as_scikit_learn_deals_them_in_the_median_and_at_worst() -> None:
    ours, theirs = [], []
    for seed in range(40):
        paths, labels, groups = draw(seed, 20 + 2 * seed, 2 + seed % 4)
        ours.append(unevenness(labels, parts_of(assign_splits(paths, labels, groups))))
        theirs.append(unevenness(labels, dealt_by_scikit_learn(labels, groups, seed)))
    assert np.median(ours) < np.median(theirs)
    assert max(ours) <= max(theirs)


@given(seed=st.integers(0, 10**6), patients=st.integers(3, 60), classes=st.integers(1, 5), most=st.integers(1, 12))
def test_no_patient_is_in_two_splits_and_the_order_of_files_does_not_count(
    seed: int, patients: int, classes: int, most: int
) -> None:
    paths, labels, groups = draw(seed, patients, classes, most)
    splits = np.array(assign_splits(paths, labels, groups))
    assert all(len(set(splits[groups == patient])) == 1 for patient in range(patients))
    order = np.random.default_rng(seed).permutation(len(paths))
    mixed = assign_splits([paths[row] for row in order], labels[order], groups[order])
    assert mixed == splits[order].tolist()


@given(seed=st.integers(0, 10**6), patients=st.integers(12, 60))
def test_a_class_of_three_patients_is_in_all_splits_of_two_in_train_and_test_of_one_in_train(
    seed: int, patients: int
) -> None:
    """Where each patient has one class; a patient that has several may be wanted in two places."""
    paths, _, groups = draw(seed, patients)
    own = np.random.default_rng(seed).permutation(np.r_[0, 1, 1, 2, 2, 2, np.arange(patients - 6) % 2 + 3])
    labels = own[groups]
    splits = np.array(assign_splits(paths, labels, groups))
    wanted = [{"train"}, {"train", "test"}, set(SPLITS), set(SPLITS), set(SPLITS)]
    assert [set(splits[labels == label]) for label in range(5)] == wanted


@pytest.mark.parametrize("seed", range(5))
def test_sizes_are_near_70_10_20_of_the_images(seed: int) -> None:
    paths, labels, groups = draw(seed, 150)
    parts = parts_of(assign_splits(paths, labels, groups))
    np.testing.assert_allclose(np.bincount(parts) / len(parts), SHARES, atol=0.01)


def test_names_and_numbers_of_patients_do_not_count() -> None:
    paths, labels, groups = draw(0, 50)
    renamed = np.random.default_rng(1).permutation(50)[groups] * 7 - 100
    assert assign_splits(paths, labels, renamed) == assign_splits(paths, labels, groups)


def test_a_copy_with_names_in_another_form_of_unicode_is_divided_alike() -> None:
    paths, labels, groups = draw(2, 40)
    forms = [[unicodedata.normalize(form, f"Köln/{path}") for path in paths] for form in ("NFC", "NFD")]
    assert forms[0] != forms[1]
    assert assign_splits(forms[0], labels, groups) == assign_splits(forms[1], labels, groups)


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_patients_of_one_image_each_are_divided_as_files_are_without_groups(classes: int) -> None:
    paths, labels = [f"{row:03}.png" for row in range(90)], np.arange(90) % classes
    assert assign_splits(paths, labels, np.arange(90)[::-1]) == assign_splits(paths, labels)


def test_a_patient_who_is_added_moves_fewer_others_than_a_greedy_dealer_does() -> None:
    paths, labels, groups = draw(3, 120)
    ours, theirs = parts_of(assign_splits(paths, labels, groups)), dealt_by_scikit_learn(labels, groups, 0)
    moved = []
    for added in range(100, 108):
        rows = np.flatnonzero(groups != added)
        own, known = labels[rows], groups[rows]
        ours_before = parts_of(assign_splits([paths[row] for row in rows], own, known))
        theirs_before = dealt_by_scikit_learn(own, known, 0)
        moved.append(
            [
                len(np.unique(known[one != two]))
                for one, two in ((ours_before, ours[rows]), (theirs_before, theirs[rows]))
            ]
        )
    by_us, by_them = np.array(moved).T
    assert by_us.max() <= 15  # of 119, all next to a cut
    assert by_us.max() < by_them.min()


def test_images_of_a_file_count_as_its_weight() -> None:
    """A volume of 80 slices among pictures: the shares are of images, not of files."""
    rng = np.random.default_rng(0)
    images, groups = np.where(np.arange(200) % 5 == 0, 80, 1), np.arange(200) // 2
    labels = rng.integers(0, 2, 200)
    parts = parts_of(assign_splits([f"{row}.nii" for row in range(200)], labels, groups, images))
    np.testing.assert_allclose(np.bincount(parts, images) / images.sum(), SHARES, atol=0.02)
    unweighted = parts_of(assign_splits([f"{row}.nii" for row in range(200)], labels, groups))
    assert not np.array_equal(parts, unweighted)


@pytest.mark.parametrize("seed", range(4))
def test_findings_of_several_labels_keep_their_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(120), rng.integers(1, 8, 120))
    labels = (rng.random((len(groups), 4)) < [0.4, 0.2, 0.1, 0.05]).astype(np.int64)
    parts = parts_of(assign_splits([f"{row}.png" for row in range(len(groups))], labels, groups))
    assert all(len(set(parts[groups == patient])) == 1 for patient in range(120))
    shares = np.array([labels[parts == part].sum(axis=0) for part in range(3)]) / labels.sum(axis=0)
    np.testing.assert_allclose(shares, np.broadcast_to(SHARES[:, None], (3, 4)), atol=0.06)
    assert (shares > 0).all()


def test_patients_without_any_label_are_all_in_train() -> None:
    paths, labels, groups = draw(4, 60)
    labels[groups < 15] = -1
    splits = np.array(assign_splits(paths, labels, groups))
    assert set(splits[groups < 15]) == {"train"}
    parts = parts_of(splits[groups >= 15].tolist())
    np.testing.assert_allclose(np.bincount(parts) / len(parts), SHARES, atol=0.03)


def test_classes_of_too_few_patients_are_named() -> None:
    labels, groups = np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 0, 1, 2, 3, 4, 5])
    assert notes_on_few_patients(labels, groups, ("a", "b", "c")) == (
        "classes of one patient, who is in train: not tested: a (2 images)",
        "classes of two patients, in train and test: not in val: b (2 images)",
    )
    assert notes_on_few_patients(labels[4:], groups[4:], ()) == ()

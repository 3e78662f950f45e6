"""Which patients are held out of the training images, so that no patient is on both sides.

Covers: a share of the images in whole patients, with the classes' shares as alike as that allows. Does not cover:
images of which it is not known whose they are (`partition.py`).
"""

from __future__ import annotations

import warnings

import numpy as np

from fastssl.data.patients.strata import stratify


def held_out_groups(labels: np.ndarray, groups: np.ndarray, share: float, seed: int) -> np.ndarray | None:
    """Choose the images of some patients.

    Patients are dealt over 1 / share folds by scikit-learn's `StratifiedGroupKFold`, which evens out the classes. The
    fold is taken that leaves most classes to train on, then the one that has most classes, then the one whose size is
    nearest to the share.

    Args:
        labels: int64 `[N]` class indices, or `[N, L]`, of which each image counts under its patient's rarest label, or,
            where every patient is needed for one of these, all images under one class.
        groups: int64 `[N]`, a number for each patient.
        share: of the images to hold out; about, as patients are whole.
        seed: of the order in which patients are dealt.

    Returns:
        bool `[N]`; None where there is one patient alone, or none can go without the last images of a class.
    """
    if labels.ndim == 2:
        strata = stratify(labels, groups)
        by_rarest = _held_out(strata.of[strata.patient] + 1, groups, share, seed)
        return by_rarest if by_rarest is not None else _held_out(np.zeros(len(labels), np.int64), groups, share, seed)
    return _held_out(labels, groups, share, seed)


def _held_out(classes: np.ndarray, groups: np.ndarray, share: float, seed: int) -> np.ndarray | None:
    """The best fold, by one class for each image."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(round(1 / share), len(np.unique(groups)), int(np.bincount(classes).max()))
    if folds < 2:
        return None
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer images than there are folds
        found = [rows for _, rows in dealer.split(classes, classes, groups) if 0 < len(rows) < len(classes)]
    held = [np.isin(np.arange(len(classes)), rows) for rows in found]
    if not held:
        return None
    best = min(held, key=lambda one: (-_classes(classes[~one]), -_classes(classes[one]), abs(one.mean() - share)))
    return best if _classes(classes[~best]) == _classes(classes) else None


def _classes(labels: np.ndarray) -> int:
    return len(np.unique(labels))

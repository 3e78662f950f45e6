"""Sorting patients by their rarest class, so that each class can be divided by itself although patients have several.

Covers: images per class of each patient, which class a patient counts under. Does not cover: dividing them
(`division.py`, and the draws of `fastssl.evaluation`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NO_CLASS = -1


@dataclass(frozen=True, kw_only=True)
class Strata:
    """Patients and their classes.

    Args:
        patient: int64 `[N]`, the place of each image's patient among the rows of `counts`.
        counts: float64 `[P, C]`, images of each patient and class.
        images: float64 `[P]`, images of each patient, also those without a label.
        rarity: int64 `[C]`, the classes from the one with the fewest patients to the one with the most; of two with
            equally many, the one with fewer images, then the one with the lower index, comes first.
        of: int64 `[P]`, the rarest class of each patient; `NO_CLASS` where its images have none.
        labelled: bool `[P]`, a label of an image is known, be it that the image has no class.
    """

    patient: np.ndarray
    counts: np.ndarray
    images: np.ndarray
    rarity: np.ndarray
    of: np.ndarray
    labelled: np.ndarray


def stratify(labels: np.ndarray, groups: np.ndarray, images: np.ndarray | None = None) -> Strata:
    """Sort patients by their rarest class, as Sechidis et al. (2011) take the rarest label of those left first.

    Args:
        labels: int64 `[N]` class indices, -1 where an image has no label, or `[N, L]`, 0 or 1, -1 where not known.
        groups: int64 `[N]`, a number for each patient.
        images: `[N]`, how many images each row stands for; None: one.

    Returns:
        The patients in the rising order of their numbers.
    """
    weight = np.ones(len(labels)) if images is None else np.asarray(images, np.float64)
    patient = np.unique(groups, return_inverse=True)[1].reshape(-1)
    patients = int(patient.max()) + 1 if len(patient) else 0
    has = _one_hot(labels)
    counts = np.zeros((patients, has.shape[1]))
    np.add.at(counts, patient, has * weight[:, None])
    rarity = np.lexsort((np.arange(has.shape[1]), counts.sum(axis=0), (counts > 0).sum(axis=0)))
    ordered = counts[:, rarity] > 0
    of = np.where(ordered.any(axis=1), rarity[ordered.argmax(axis=1)] if has.shape[1] else NO_CLASS, NO_CLASS)
    known = (labels.reshape(len(labels), -1) >= 0).any(axis=1)
    return Strata(
        patient=patient,
        counts=counts,
        images=np.bincount(patient, weight, minlength=patients),
        rarity=rarity,
        of=of.astype(np.int64),
        labelled=np.bincount(patient, known, minlength=patients) > 0,
    )


def _one_hot(labels: np.ndarray) -> np.ndarray:
    """Zeros and ones `[N, C]`: whose label is which class; unknown labels are none."""
    if labels.ndim == 2:
        return (labels > 0).astype(np.float64)
    classes = int(labels.max(initial=NO_CLASS)) + 1
    return (labels[:, None] == np.arange(classes)).astype(np.float64)

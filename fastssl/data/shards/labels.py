"""Labels of images that were written one after the other.

Covers: collecting them, and what they mean over all splits. Does not cover: reading one label (`samples.py`), what
values mean that come without names of classes (`fastssl.data.labels.meaning`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fastssl.data.labels.meaning import Labels, read_labels
from fastssl.data.labels.values import UNLABELLED
from fastssl.errors import DataError


def labels_of(raw: Mapping[str, Sequence[object]], counts: Mapping[str, int], class_names: Sequence[str]) -> Labels:
    """Find out what the labels of all splits mean.

    Args:
        raw: split -> its labels, numbers, text or tuples, of the splits that have labels.
        counts: split -> number of images.
        class_names: by class index, or by column of several labels; empty: the values that are there are the classes.

    Returns:
        The labels; of those that cannot be used none, and the problem, as of other data: images are trained on without.

    Raises:
        DataError: they do not fit the names.
    """
    if class_names and raw:
        return _named({split: _indices(own, class_names, split) for split, own in raw.items()}, tuple(class_names))
    return read_labels({split: np.asarray(own) for split, own in raw.items()}, counts)


def _indices(labels: Sequence[object], class_names: Sequence[str], split: str) -> np.ndarray:
    """Numbers as they are, and the places of text among the names."""
    place = {name: index for index, name in enumerate(class_names)}
    other = next((label for label in labels if isinstance(label, str) and label not in place), None)
    if other is not None:
        raise DataError(f"{split}: there is a label {other!r}, which is none of the class_names {list(class_names)}")
    return np.asarray([place[label] if isinstance(label, str) else label for label in labels])


def _named(arrays: Mapping[str, np.ndarray], class_names: tuple[str, ...]) -> Labels:
    """Class indices, or columns of 0 and 1, by the names that were given."""
    table = next(iter(arrays.values())).ndim == 2
    last = 1 if table else len(class_names) - 1
    for split, array in arrays.items():
        if table and (array.ndim != 2 or array.shape[1] != len(class_names)):
            raise DataError(f"{split}: labels have shape {list(array.shape)} for {len(class_names)} class_names")
        if array.ndim != 1 + table or array.min() < UNLABELLED or array.max() > last:
            shown = f"from {array.min()} to {array.max()}"
            raise DataError(f"{split}: labels go {shown}, and may be -1 (not known) to {last} with these class_names")
    two = len(class_names) == 2
    return Labels(
        by_split={split: array.astype(np.int64) for split, array in arrays.items() if (array != UNLABELLED).any()},
        task="multi-label, binary-class" if table else "binary-class" if two else "multi-class",
        class_names=class_names,
    )

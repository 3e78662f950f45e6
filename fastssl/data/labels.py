"""Labels: checking them, and finding the kind of task.

Covers: class indices and multi-label tables. Does not cover: where labels come from, nor segmentation masks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastssl.errors import DataError

from .source import Split, Task


def check_labels(labels: np.ndarray, count: int, where: str) -> np.ndarray:
    """Check the labels of one split and bring them to one form.

    Args:
        labels: whole numbers of any dtype: class indices `[N]` or `[N, 1]`, or several labels of 0 or 1, `[N, L]`.
        count: of the split's images, N.
        where: what the labels are called, for the error's first words.

    Returns:
        int64 `[N]` or `[N, L]`.

    Raises:
        DataError: they are anything else.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim not in (1, 2) or len(labels) != count:
        raise DataError(
            f"{where} have shape {list(labels.shape)} for {count} images; expected [{count}] or [{count}, L]"
        )
    whole = labels.dtype.kind in "biu" or (labels.dtype.kind == "f" and bool(np.all(labels == np.floor(labels))))
    if not whole:
        raise DataError(f"{where} are {labels.dtype}, not whole numbers; save class indices 0, 1, 2 ...")
    labels = labels.astype(np.int64)
    if labels.min() < 0:
        raise DataError(f"{where} go down to {labels.min()}; class indices start at 0 (leave unlabelled images out)")
    if labels.ndim == 2 and labels.max() > 1:
        raise DataError(
            f"{where} have {labels.shape[1]} columns and values up to {labels.max()}; several labels are 0 or 1"
        )
    return labels


def infer_task(splits: Mapping[str, Split], where: str) -> tuple[Task, tuple[str, ...]]:
    """Find the task from the labels of all splits.

    Args:
        splits: by name.
        where: what the data set is called, for the error's first words.

    Returns:
        The task and the names of its classes, "0", "1" and so on; ("none", ()) without labels.

    Raises:
        DataError: some splits have class indices and others several labels per image, or another number of them.
    """
    labelled = {name: split.labels for name, split in splits.items() if split.labels is not None}
    if not labelled:
        return "none", ()
    if len({labels.shape[1:] for labels in labelled.values()}) > 1:
        found = ", ".join(f"{name} {list(labels.shape)}" for name, labels in labelled.items())
        raise DataError(f"{where}: the splits' labels differ in kind ({found})")
    first = next(iter(labelled.values()))
    if first.ndim == 2:
        return "multi-label, binary-class", tuple(str(column) for column in range(first.shape[1]))
    classes = max(2, max(int(labels.max()) for labels in labelled.values()) + 1)
    return "binary-class" if classes == 2 else "multi-class", tuple(str(index) for index in range(classes))

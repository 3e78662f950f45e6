"""How many images each class has, and where it has none.

Covers: counts by class and split, a line for classes that cannot be learnt, long lists made short. Does not cover: what
labels mean (`meaning.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

SHOWN = 8


def class_counts(by_split: Mapping[str, np.ndarray], class_names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the images of each class.

    Args:
        by_split: as `fastssl.data.labels.meaning.Labels` has it.
        class_names: likewise.

    Returns:
        Class name -> split -> number of its images; of multi-label data, of images that have the label.
    """
    counted = {
        split: np.bincount(labels[labels >= 0], minlength=len(class_names)) if labels.ndim == 1 else (labels > 0).sum(0)
        for split, labels in by_split.items()
    }
    return {name: {split: int(own[i]) for split, own in counted.items()} for i, name in enumerate(class_names)}


def absence_notes(by_split: Mapping[str, np.ndarray], class_names: Sequence[str]) -> tuple[str, ...]:
    """Say which classes cannot be learnt: those without an image to train on.

    Args:
        by_split: as `fastssl.data.labels.meaning.Labels` has it.
        class_names: likewise.

    Returns:
        No line, or one that names the classes and where they are.
    """
    absent = {
        name: ", ".join(f"{split} {count}" for split, count in own.items() if count)
        for name, own in class_counts(by_split, class_names).items()
        if "train" in by_split and not own["train"]
    }
    if not absent:
        return ()
    found = [f"{name} ({elsewhere or 'none anywhere'})" for name, elsewhere in absent.items()]
    return (f"no train image of class {shortened(found)}",)


def shortened(texts: Sequence[str]) -> str:
    """Join the first texts by commas, and say how many there are if some are left out.

    Args:
        texts: any number of them.

    Returns:
        Such as "0, 1, 2" or "0, 1, 2, 3, 4, 5, 6, 7 ... (20 in all)".
    """
    return ", ".join(texts[:SHOWN]) + (f" ... ({len(texts)} in all)" if len(texts) > SHOWN else "")

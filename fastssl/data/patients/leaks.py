"""Patients that are in two of the data's splits.

Covers: counting them, and refusing such data or warning of them. Does not cover: dividing data that have no splits
(`fastssl.data.splits`), which never shares a patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from fastssl.errors import DataError


def count_shared(groups: Mapping[str, np.ndarray]) -> int:
    """Count the patients that are in more than one split.

    Args:
        groups: split -> int64 `[N]`, the number of each image's patient.
    """
    patients = [np.unique(own) for own in groups.values()]
    if not patients:
        return 0
    return int((np.unique(np.concatenate(patients), return_counts=True)[1] > 1).sum())


def check_leaks(groups: Mapping[str, np.ndarray], where: str, *, allow_leak: bool) -> tuple[str, ...]:
    """Refuse data of which a patient is in two splits: what is learnt of one's images is scored on the others.

    Args:
        groups: split -> int64 `[N]`, the number of each image's patient.
        where: the data, for an error's first words.
        allow_leak: warn instead.

    Returns:
        A warning for every two splits that share patients; none where no patient is shared.

    Raises:
        DataError: patients are shared, and that is not allowed.
    """
    shared = [
        (first, second, len(np.intersect1d(groups[first], groups[second]))) for first, second in combinations(groups, 2)
    ]
    found = [
        f"{count} patient{'s have' if count > 1 else ' has'} images in {first} and in {second}"
        for first, second, count in shared
        if count
    ]
    if found and not allow_leak:
        raise DataError(
            f"{where}: {', '.join(found)}: scores there would be too good; divide the images by patient, or go on with "
            "--allow-leak"
        )
    return tuple(f"warning: {line}: scores there may be too good" for line in found)

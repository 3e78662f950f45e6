"""Numbers of patients whose names come with the images, by split.

Covers: equal names, one number in all splits. Does not cover: finding names by paths, tables and headers (`find.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .pseudonyms import pseudonyms_of
from .salt import find_salt


@dataclass(frozen=True, kw_only=True)
class NumberedPatients:
    """Patients by number.

    Args:
        groups: split -> int64 `[N]`, the number of each image's patient.
        names: by number, what patients are called: pseudonyms, unless these were refused.
    """

    groups: Mapping[str, np.ndarray]
    names: tuple[str, ...] = ()


def number_groups(named: Mapping[str, np.ndarray], *, pseudonymise: bool = True) -> NumberedPatients:
    """Give patients their numbers, in the order of their names.

    Args:
        named: split -> whole numbers, text or UTF-8 bytes, `[N]` or `[N, 1]`: whose each image is.
        pseudonymise: only salted hashes of the names are kept.

    Returns:
        The patients.

    Raises:
        DataError: the salt of pseudonyms cannot be kept.
    """
    if not named:
        return NumberedPatients(groups={})
    text = {split: _as_text(array.reshape(-1)) for split, array in named.items()}
    known, numbers = np.unique(np.concatenate(list(text.values())), return_inverse=True)
    ends = np.cumsum([len(own) for own in text.values()])[:-1]
    names = tuple(known.tolist())
    return NumberedPatients(
        groups=dict(zip(text, np.split(numbers.reshape(-1).astype(np.int64), ends), strict=True)),
        names=pseudonyms_of(names, find_salt()) if pseudonymise else names,
    )


def _as_text(names: np.ndarray) -> np.ndarray:
    return np.char.decode(names, "utf-8", "replace") if names.dtype.kind == "S" else names.astype(str)

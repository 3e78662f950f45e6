"""What is known of each image besides its pixels: its name, split, label and patient.

Covers: the same facts for every kind of source. Does not cover: writing them (`parquet_file.py`, `npz_file.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fastssl.data import Source

UNKNOWN = -1
"""The label of an image that has none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageRows:
    """Facts about the images of one split, in their order.

    Attributes:
        split: its name.
        ids: what each image is called, as UTF-8 can say it.
        labels: int64 `[N]` class indices or `[N, L]` of 0 and 1, -1 where not known; None: none has a label.
        patients: whose each image is, as a pseudonym unless that was refused; "" of one where that is not known; None:
            of none is it known.
    """

    split: str
    ids: list[str]
    labels: np.ndarray | None
    patients: list[str] | None

    def __len__(self) -> int:
        return len(self.ids)

    def between(self, start: int, stop: int) -> ImageRows:
        """Return the facts about some images that follow each other."""
        return ImageRows(
            split=self.split,
            ids=self.ids[start:stop],
            labels=None if self.labels is None else self.labels[start:stop],
            patients=None if self.patients is None else self.patients[start:stop],
        )


def rows_of(source: Source, split: str) -> ImageRows:
    """Gather the facts about the images of a split.

    Args:
        source: the images.
        split: the split's name.

    Returns:
        The facts; an image without a name is called by its split and place, such as "train/17".
    """
    own = source.splits[split]
    ids = [f"{split}/{row}" for row in range(len(own))] if own.ids is None else [utf8(str(one)) for one in own.ids]
    patients = None if own.groups is None else _patients(own.groups, source.group_names)
    return ImageRows(split=split, ids=ids, labels=own.labels, patients=patients)


def _patients(groups: np.ndarray, names: Sequence[str]) -> list[str]:
    """What patients are called; their numbers where they have no names."""
    known = {int(group): str(group) for group in np.unique(groups)}
    known |= {group: utf8(names[group]) for group in known if 0 <= group < len(names)}
    return ["" if group < 0 else known[group] for group in groups.tolist()]


def label_width(rows: Mapping[str, ImageRows]) -> int | None:
    """Find how many labels an image has.

    Args:
        rows: of all splits.

    Returns:
        0 for one class index, L for L labels of 0 and 1; None where no split has labels.
    """
    found = next((one.labels for one in rows.values() if one.labels is not None), None)
    return None if found is None else 0 if found.ndim == 1 else int(found.shape[1])


def utf8(text: str) -> str:
    r"""Return text as UTF-8 can say it: bytes of a file's name that are none become escapes (`\udce9`)."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")

"""What a folder of images is read as.

Covers: the record. Does not cover: reading names (`read.py`), dividing what has no splits (`division.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fastssl.data.source import Task

UNLABELLED = -1
"""The label of an image without one."""


@dataclass(frozen=True, kw_only=True)
class FolderLayout:
    """The images in a folder.

    Args:
        root: the folder.
        files: N paths relative to `root`, as they are on disk.
        splits: "train", "val" or "test" for each file; "" for all of them where they are still to be divided.
        labels: int64 `[N]` class indices, -1 where a split has no class folders; a table may say `[N, L]`.
        class_names: sorted, in Unicode's composed form, with escapes for what cannot be shown; empty if no image has a
            label.
        task: in MedMNIST's words.
        passed_over: ending in lower case, or "no ending" -> number of files of other kinds.
        linked: some files may be there more than once, by links.
        notes: a line for each thing that was left out or taken for something else.
    """

    root: Path
    files: tuple[str, ...]
    splits: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    task: Task
    passed_over: Mapping[str, int]
    linked: bool
    notes: tuple[str, ...]

    def ordered(self, rows: Sequence[int]) -> FolderLayout:
        """Return the layout with these of its files alone, in this order.

        Args:
            rows: their places.
        """
        return replace(
            self,
            files=tuple(self.files[row] for row in rows),
            splits=tuple(self.splits[row] for row in rows),
            labels=self.labels[list(rows)],
        )

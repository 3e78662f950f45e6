"""A source of images: arrays, named splits, labels if there are any.

Covers: the one form that every data set takes once opened. Does not cover: where images come from (`open.py`),
nor how they are augmented (`fastssl.pipelines`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .report import DataReport
from .shards.images import ShardedImages

Task = Literal["multi-class", "binary-class", "multi-label, binary-class", "ordinal-regression", "none"]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Images of one split, in a fixed order.

    Args:
        images: `[N, H, W, C]` uint8 or uint16, C in 1, 3, 4; in memory, memory-mapped, or in shards on the disk.
        labels: `[N]` int64 class indices, -1 where an image is unlabelled; `[N, L]` int64 for multi-label data, 0 or 1,
            -1 where it is not known; or None.
        masks: `[N, H, W]` uint8 (0 or 1) segmentation targets, or None.
        groups: `[N]` int64, a number for each patient, the same in all splits; None where it is not known whose the
            images are.
        ids: `[N]` of text, what each image is called: its path in the folder, with "#" and the number of the frame
            where a file has several; None where images have no names.
    """

    images: np.ndarray | ShardedImages
    labels: np.ndarray | None = None
    masks: np.ndarray | None = None
    groups: np.ndarray | None = None
    ids: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def some_images(self, rows: np.ndarray) -> np.ndarray | ShardedImages:
        """Choose images of the split.

        Args:
            rows: int64 `[M]`, which ones, in which order.

        Returns:
            Those images; of shards, still on the disk.
        """
        return self.images.subset(rows) if isinstance(self.images, ShardedImages) else self.images[rows]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set: its images and what is known about them.

    Args:
        name: for a person to read.
        splits: "train" always; "val" and "test" where they exist.
        task: in MedMNIST's words; "none" without labels.
        class_names: by class index, or by column of multi-label data; empty without labels.
        group_names: by the numbers of `Split.groups`, what patients are called, as a pseudonym unless that was refused;
            empty without groups.
        modality: of the images, such as "chest X-ray".
        rgb: three channels are red, green and blue; False: windows of a scan, or neighbouring slices.
        fingerprint: hex digest of every split's pixels, labels, masks and groups (`fingerprint.py`): equal data have
            equal digests, wherever their files are.
        image_fingerprint: hex digest of the pixels of "train" alone, which is all that pre-training depends on.
        value_range: the file values that are black and white, as `EncoderSpec.value_range` keeps them; None: 8-bit
            images as they are.
        label_problem: why the labels that are there cannot be used, in one line; "" if nothing is wrong. The splits
            then have none.
        report: what was read, for its user.
    """

    name: str
    splits: Mapping[str, Split]
    task: Task = "none"
    class_names: tuple[str, ...] = ()
    group_names: tuple[str, ...] = ()
    modality: str = "unknown"
    rgb: bool = True
    fingerprint: str = ""
    image_fingerprint: str = ""
    value_range: str | None = None
    label_problem: str = ""
    report: DataReport = field(default_factory=DataReport)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.splits["train"].images.shape[1:]
        return height, width, channels

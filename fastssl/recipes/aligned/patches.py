"""Patches of the training images of a segmentation, to pre-train on.

Covers: cutting them as the network will see them, at the same scale; images of validation and test give none. Does not
cover: the patches that a network is trained on with masks (`fastssl.evaluation.segment`).

Neighbours overlap by half. A patch of which less than half lies in the field of view is left out, and one of a single
value, as beyond the edge of a fundus photograph.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fastssl.data import Source
from fastssl.data.fingerprint import fingerprints
from fastssl.data.report import DataReport
from fastssl.data.source import Split
from fastssl.errors import DataError
from fastssl.evaluation.segment.data import Sample, SegmentationData
from fastssl.files import write_atomically

FILE = "patches.npz"
MOST_PATCHES = 20_000
"""Of more, every second or third and so on is taken: more add little to a budget of minutes."""
_LEAST_INSIDE = 0.5


def patches_of(data: SegmentationData, patch: tuple[int, int], path: Path) -> Source:
    """Cut the training images into square patches.

    Args:
        data: images with masks, split.
        patch: (height, width) in pixels that the network is trained on; that of whole images stands for the largest
            square that every image holds.
        path: of the file that `write_patches` will write.

    Returns:
        The patches as a source without labels, in memory.

    Raises:
        DataError: no patch is left.
    """
    side = min(*patch, data.smallest_side)
    found = [piece for sample in data.splits["train"] for piece in _pieces(sample, side)]
    if not found:
        raise DataError(f"{data.name}: the training images hold no patch of {side} px to pre-train on; give --data")
    every = -(-len(found) // MOST_PATCHES)
    images = np.stack(found[::every])
    splits = {"train": Split(images=images)}
    digests = fingerprints(splits)
    photographs = len(data.splits["train"])
    return Source(
        name=f"{data.name}, patches",
        splits=splits,
        fingerprint=digests.whole,
        image_fingerprint=digests.images,
        value_range=data.value_range,
        report=DataReport(
            origin=f"patches of the {photographs} training images of {data.name}",
            path=str(path.absolute()),
            counts={"train": len(images)},
            shape=f"{side}x{side}, {data.channels} channel{'s' * (data.channels > 1)}",
            depth=f"{8 * images.dtype.itemsize} bit",
            value_range=data.report.value_range,
        ),
    )


def write_patches(source: Source, path: Path) -> None:
    """Write patches as `train_images` of an .npz file.

    Args:
        source: as `patches_of` returned it.
        path: of the file; its folder exists.

    Raises:
        OSError: it cannot be written.
    """
    content = io.BytesIO()
    np.savez(content, train_images=source.splits["train"].images)
    write_atomically(path, content.getvalue())


def _pieces(sample: Sample, side: int) -> Iterator[np.ndarray]:
    height, width = sample.mask.shape
    for top in _starts(height, side):
        for left in _starts(width, side):
            place = (slice(top, top + side), slice(left, left + side))
            piece = sample.image[place]
            inside = 1.0 if sample.inside is None else sample.inside[place].mean()
            if inside >= _LEAST_INSIDE and piece.min() < piece.max():
                yield piece


def _starts(length: int, side: int) -> Sequence[int]:
    """Where patches begin along an axis: every half side, and one at its end."""
    starts = list(range(0, length - side + 1, max(1, side // 2)))
    return starts if starts[-1] == length - side else [*starts, length - side]

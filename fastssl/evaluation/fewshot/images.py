"""The labelled images of a few-shot comparison: those to draw from, those scored.

Covers: taking them from a source's splits, refusing what cannot be drawn from. Does not cover: the draws
(`support.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from fastssl.data import Source
from fastssl.errors import DataError
from fastssl.evaluation.shared.partition import Part, Partition, partition


@dataclass(frozen=True, kw_only=True)
class FewshotImages:
    """The labelled images of a comparison.

    Attributes:
        parts: of the source.
        pool: the images to draw from: training images, all that are not tested on.
    """

    parts: Partition
    pool: Part

    @property
    def test(self) -> Part:
        """The images scored."""
        return self.parts.test


def fewshot_images(source: Source, seed: int) -> FewshotImages:
    """Return the images to draw from and those scored.

    Nothing is chosen by validation here, so what a probe would hold out of train for it is drawn from as well.

    Args:
        source: labelled, one class per image.
        seed: of what is held out of train, where there is no test split.

    Raises:
        DataError: there are no labels to train on, or several for each image.
    """
    labels = source.splits["train"].labels
    if labels is not None and labels.ndim == 2:
        raise DataError(
            f"{source.name}: images have several labels each, so that no draw is balanced by class; few-shot "
            "comparisons need one class per image"
        )
    parts = partition(source, seed)
    if not parts.val_held_out:
        return FewshotImages(parts=parts, pool=parts.train)
    return FewshotImages(parts=parts, pool=parts.train.joined(parts.val))

"""What `fastssl embed` has written.

Covers: the record, as a line of text. Does not cover: writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EmbedResult:
    """A file of features.

    Attributes:
        path: of the file.
        encoder: name of the timm model.
        data: name of the data set.
        counts: split -> number of images.
        width: numbers of a feature vector, D.
        dtype: of the numbers: "float32" or "float16".
        normalized: each vector has the length 1.
        resumed: images whose features an interrupted call had made already.
    """

    path: str
    encoder: str
    data: str
    counts: Mapping[str, int]
    width: int
    dtype: str
    normalized: bool
    resumed: int

    def lines(self) -> list[str]:
        """Say what was written.

        Returns:
            The lines that the command prints.
        """
        images = ", ".join(f"{split} {count}" for split, count in self.counts.items())
        length = ", of length 1" if self.normalized else ""
        before = [f"{self.resumed} of them were done by an interrupted call"] if self.resumed else []
        return [*before, f"{self.path}: {self.width} numbers ({self.dtype}{length}) for each image, {images}"]

"""Memory as a straight line over the batch size: a fixed part, and so much for each image.

Covers: the line through measured peaks, the largest batch below a limit. Does not cover: measuring the peaks
(`host_batches.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class MemoryLine:
    """Peak memory by batch size.

    Args:
        fixed: bytes at a batch of no images.
        per_image: bytes for each image of the batch.
    """

    fixed: float
    per_image: float

    def at(self, images: int) -> float:
        """Compute the peak.

        Args:
            images: of the batch.

        Returns:
            Bytes.
        """
        return self.fixed + self.per_image * images

    def largest(self, memory: float) -> int | None:
        """Find the largest batch that stays below a limit.

        Args:
            memory: bytes.

        Returns:
            Images, at least 0; None where memory does not grow with the batch.
        """
        return None if self.per_image <= 0 else max(0, int((memory - self.fixed) / self.per_image))


def line_through(peaks: Mapping[int, float]) -> MemoryLine:
    """Lay a straight line through measured peaks, by least squares.

    Args:
        peaks: batch size -> bytes, of at least two sizes.

    Returns:
        The line.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(peaks) < 2:
        raise ValueError(f"a line takes at least two points, got {len(peaks)}")
    per_image, fixed = np.polyfit(list(peaks), list(peaks.values()), 1)
    return MemoryLine(fixed=float(fixed), per_image=float(per_image))

"""The range of the values in a set of images: which value is black, and which is white.

Covers: finding it once for a set, writing it as text, bringing values to whole grey levels by it. Does not cover:
reading files (`reading`), keeping what was found with a run (`fastssl.models.encoder.EncoderSpec`).

Many files hold fewer bits than their type: 12 bits of a scanner in 16, labels of 4 in 8. Divided by the type's largest
value they are nearly black, and every augmentation that adds or multiplies levels would make them flat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class ValueRange:
    """Black and white of a set of images, in the values of its files.

    Args:
        low: the value that becomes level 0.
        high: the value that becomes the highest level, above `low`.
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.9g},{self.high:.9g}"

    @classmethod
    def parse(cls, text: str) -> ValueRange:
        """Read what `str` wrote.

        Args:
            text: "LOW,HIGH".

        Returns:
            The range.

        Raises:
            ValueError: it is anything else.
        """
        low, high = (float(part) for part in text.split(","))
        return cls(low=low, high=high)

    @classmethod
    def of_type(cls, dtype: np.dtype) -> ValueRange:
        """Return the full range of an integer type."""
        limits = np.iinfo(dtype)
        return cls(low=float(limits.min), high=float(limits.max))

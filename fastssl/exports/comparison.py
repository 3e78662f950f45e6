"""Whether what was written computes the encoder's features.

Covers: the largest difference, and refusing one that is more than rounding. Does not cover: loading what was written.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from fastssl.errors import ConfigError

from .subject import IMAGES, ExportSubject

CLOSE = 1e-4
"""Of the largest feature, or of 1 where all are smaller: what sums in another order may differ by."""


def compare(ours: Tensor, theirs: Tensor | np.ndarray, what: str) -> float:
    """Return the largest absolute difference of features.

    Args:
        ours: the encoder's, `[B, D]`.
        theirs: those of what was written.
        what: loaded it, for the error's text.

    Raises:
        ConfigError: shapes differ, or more than rounding does.
    """
    mine, other = ours.detach().double().numpy(), np.asarray(theirs, np.float64)
    if mine.shape != other.shape:
        raise ConfigError([f"format: {what} yields features of shape {list(other.shape)}, not {list(mine.shape)}"])
    difference = float(np.abs(mine - other).max())
    if not difference <= CLOSE * max(1.0, float(np.abs(mine).max())):
        raise ConfigError(
            [f"format: {what} computes other features (they differ by {difference:.2g}); nothing written"]
        )
    return difference


def compare_program(
    subject: ExportSubject, program: Callable[[Tensor], Tensor | np.ndarray], what: str, *, normalization: bool
) -> float:
    """Compare a program with the encoder, on one image and on several, for their number is open.

    Args:
        subject: the encoder.
        program: maps images to features.
        what: loaded it, for the error's text.
        normalization: it takes images from 0 to 1; else normalised ones.

    Returns:
        The largest absolute difference.

    Raises:
        ConfigError: shapes differ, or more than rounding does.
    """
    differences = []
    for count in (1, IMAGES):
        images = subject.images(count)
        normalised = subject.normalised(images)
        theirs = program(images if normalization else normalised)
        differences.append(compare(subject.features(normalised), theirs, what))
    return max(differences)

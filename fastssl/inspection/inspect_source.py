"""Looking at data that are open: everything that `fastssl inspect` finds, and what `fastssl advise` needs of it.

Covers: the order of the looks. Does not cover: opening data, printing, files that are written (`run.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fastssl.data.patients import PatientOptions
from fastssl.data.reading.options import ReadingOptions
from fastssl.data.source import Source

from .counts import count_splits, shared_patients
from .duplicates import find_duplicates
from .exposure import exposure_of
from .files import summarise_files
from .inspection import Inspection
from .pixels import look_at_pixels
from .polarity import find_inverted
from .rows import rows_where
from .warnings import warnings_of

NEAR_DISTANCE = 6
"""Bits of 64 in which the hashes of near duplicates may differ, unless others are asked for."""


def inspect_source(
    source: Source,
    *,
    near_distance: int = NEAR_DISTANCE,
    most: int | None = None,
    headers: ReadingOptions | None = None,
    patients: PatientOptions | None = None,
    notify: Callable[[str], None] | None = None,
) -> Inspection:
    """Look at data.

    Args:
        source: the data.
        near_distance: bits of 64 in which the hashes of near duplicates may differ.
        most: images of a split whose pixels are looked at; of more, evenly spread ones. None: all.
        headers: how files were read, to sum up their headers; None: they are not looked at.
        patients: as the source was opened with; None: as `PatientOptions` has it.
        notify: called with one line of text now and then where it takes long; None keeps quiet.

    Returns:
        What was found.
    """
    pixels = look_at_pixels(source, most=most, notify=notify)
    polarity = find_inverted(np.concatenate([own.thumbnails for own in pixels.values()]))
    chosen = np.zeros(sum(map(len, pixels.values())), bool)
    chosen[polarity.inverted] = True
    found = Inspection(
        source=source,
        looked_at={name: len(own) for name, own in pixels.items()},
        counts=count_splits(source),
        shared_patients=shared_patients(source),
        files=None if headers is None else summarise_files(source, headers, patients=patients, notify=notify),
        exposure=exposure_of(pixels, source.image_shape[2]),
        polarity=polarity,
        inverted=rows_where(chosen, pixels),
        duplicates=find_duplicates(source, pixels, near_distance),
        warnings=(),
    )
    return replace(found, warnings=warnings_of(found))

"""Images that another library yields one after the other, as a source in memory.

Covers: the way through a folder of shards, so that images are checked, scaled and named as `write_shards` does it.
Does not cover: what the libraries yield (`huggingface.py`, `monai.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fastssl.data import Source
from fastssl.data.shards import open_shards


def source_in_memory(write: Callable[[Path], object], name: str) -> Source:
    """Write shards to a temporary folder and read them into memory.

    The images are in memory once, never twice, and the disk needs room for them meanwhile.

    Args:
        write: writes a folder of shards at the path that it is given, as `write_shards` does.
        name: of the data set, for a person to read.

    Returns:
        The source, its images `[N, S, S, C]` uint8 or uint16 as arrays.

    Raises:
        DataError: an image or a label cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="fastssl-") as temporary:
        folder = Path(temporary) / "images"
        write(folder)
        stored = open_shards(folder)
        splits = {split: replace(own, images=np.asarray(own.images)) for split, own in stored.splits.items()}
    notes = tuple(note for note in stored.report.notes if "read from the disk" not in note)
    return replace(stored, name=name, splits=splits, report=replace(stored.report, origin=name, path="", notes=notes))

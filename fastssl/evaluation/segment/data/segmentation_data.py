"""Images with masks, split and in memory.

Covers: the record, a digest of all of it. Does not cover: where they come from (`open.py`), patches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .facts import SegmentationReport
from .sample import Sample


@dataclass(frozen=True, kw_only=True)
class SegmentationData:
    """Images with masks, as networks see them.

    Attributes:
        name: of the data, for a person.
        splits: "train", "val" and "test" -> samples, sorted by name.
        channels: of every image.
        white: the level that is 1 in the encoder's scale: 255 or 65535, for all images alike.
        fundus_like: whether the images are known to resemble fundus photographs; those of folders never are.
        value_range: the file values of black and white, as `EncoderSpec.value_range` keeps them; None: 8-bit images as
            they are.
        patients: name of an image -> its patient; empty where that is not known.
        report: what was read, for its user.
    """

    name: str
    splits: Mapping[str, Sequence[Sample]]
    channels: int
    white: float = 255.0
    fundus_like: bool = False
    value_range: str | None = None
    patients: Mapping[str, str] = field(default_factory=dict)
    report: SegmentationReport = field(default_factory=SegmentationReport)

    @property
    def smallest_side(self) -> int:
        """Return the smallest side of any image, in pixels."""
        return min(min(sample.mask.shape) for samples in self.splits.values() for sample in samples)

    def fingerprint(self) -> str:
        """Return a BLAKE2b digest (32 hex digits) of every image and mask, and of who is in which split."""
        digest = hashlib.blake2b(digest_size=16)
        for split, samples in self.splits.items():
            for sample in samples:
                arrays = (sample.image, sample.mask, sample.inside, sample.truth, sample.truth_inside)
                for array in arrays:
                    kind = None if array is None else (array.dtype.str, array.shape)
                    digest.update(f"{split} {sample.name!r} {kind};".encode("utf-8", "surrogateescape"))
                    digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

"""Whether a folder holds images with masks, and how `fastssl segment` is told so.

Covers: pairs of names; of several masks for each image those of the first ending. Does not cover: reading any of them
(`fastssl.evaluation.segment.data`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastssl.errors import DataError
from fastssl.evaluation.segment.data.pairing import find_pairs
from fastssl.evaluation.segment.data.pairing.several import MaskChoiceError


@dataclass(frozen=True, kw_only=True)
class MaskedFolder:
    """A folder of images with masks.

    Attributes:
        folder: of both.
        pairs: images that have a mask.
        suffix: ending of the masks to take, where an image has several; "" where it has one.
    """

    folder: Path
    pairs: int
    suffix: str = ""


def find_masks(folder: Path) -> MaskedFolder | None:
    """Find the masks of the images in a folder.

    Args:
        folder: of images.

    Returns:
        None where no masks fit them, or it is not clear which do.
    """
    try:
        return MaskedFolder(folder=folder, pairs=len(find_pairs(folder, folder).pairs))
    except MaskChoiceError as error:
        suffix = error.suffix
    except DataError:
        return None
    try:
        pairs = find_pairs(folder, folder, mask_suffix=suffix).pairs if suffix else ()
    except DataError:
        return None
    return MaskedFolder(folder=folder, pairs=len(pairs), suffix=suffix) if pairs else None

"""Which files are images of one case, by their paths: volumes of several sequences, channels or points in time.

Covers: subjects of BIDS, channels of nnU-Net, words for sequences and modalities, as BraTS and many others have them.
Does not cover: patients (`fastssl.data.patients`), which a table, a pattern or DICOM may name; this is what is left
where nothing does.
"""

from __future__ import annotations

import re

from .endings import stem_of

SEQUENCES = frozenset(
    (
        *("t1", "t1w", "t1c", "t1ce", "t1gd", "t1n", "t1km", "t1wgd", "t1map", "t2", "t2w", "t2f", "t2map", "t2star"),
        *("t2flair", "flair", "pd", "pdw", "adc", "dwi", "dti", "swi", "bold", "asl", "cbf", "mra", "mprage", "tof"),
        *("dce", "stir", "ir", "hbv", "inphase", "outphase", "ct", "cta", "ctp", "ctres", "cbct", "ldct", "pet", "suv"),
        *("mr", "mri", "spect", "us", "pre", "post", "ed", "es", "4d", "3d", "rest", "sa", "la"),
    )
)
"""Words for what was measured, in small letters: they tell images of one case apart."""
VOLUME_WORDS = frozenset(("volume", "vol", "imaging", "scan", "image", "img"))
"""Words for the volume itself, which its mask does not have: volume-0.nii and segmentation-0.nii."""

_SUBJECT = re.compile(r"(?:^|(?<=/))sub-[A-Za-z0-9]+(?=[_/.])")
_CHANNEL = re.compile(r"_000\d$")
"""nnU-Net's number of a channel, where the case has a number as well: amos_0001.nii.gz has none."""
_TIME = re.compile(r"(?:frame|time|phase|run|echo|timepoint|tp|b)-?\d+")
_PART = re.compile(r"[^_\-.\s]+")


def case_of(path: str) -> str:
    """Name the case that a volume belongs to.

    Args:
        path: of the file, relative to the folder of the set, with "/".

    Returns:
        The folder of the set's subject by BIDS; else the file's folder and name without ending, channel (`_0000`) and
        words for a sequence at its end; the folder alone where the name says nothing else.
    """
    subjects = list(_SUBJECT.finditer(path))
    if subjects:
        return path[: subjects[0].end()]
    folder, slash, name = path.rpartition("/")
    stem = case_stem(stem_of(name))
    return folder + slash + stem if stem else folder or stem_of(name)


def case_stem(stem: str) -> str:
    """Leave out what tells the images of one case apart.

    Args:
        stem: of a file, without its ending.

    Returns:
        What is before it; "" where there is nothing else.
    """
    channel = _CHANNEL.search(stem)
    if channel is not None and re.search(r"\d", stem[: channel.start()]):
        return stem[: channel.start()]
    parts, end = list(_PART.finditer(stem)), len(stem)
    while parts and (parts[-1][0].lower() in SEQUENCES or _TIME.fullmatch(parts[-1][0].lower())):
        end = parts[-1].start()
        parts.pop()
    return stem[:end].rstrip("_-. ")

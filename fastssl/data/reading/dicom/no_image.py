"""DICOM files that hold no image to train on.

Covers: reports, structures, plans, presentation states, documents and curves, which have no pixels; segmentations and
doses, which have pixels that are none of a patient. Does not cover: images that cannot be read.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from .elements import text
from .header import PixelElement

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_NO_PATIENT = (*(f"{_STORAGE}{last}" for last in ("66.4", "66.7", "66.8", "481.2")), "1.2.840.10008.1.3.10")
"""SOP classes: segmentations, label maps and height maps of them, doses of radiotherapy, and the index of files."""
_KINDS = ("SEG", "RTDOSE", "PR", "KO", "SR", "DOC", "REG", "FID", "M3D")


def holds_image(header: Dataset, pixels: PixelElement | None) -> bool:
    """Tell whether a DICOM file holds an image of a patient.

    Args:
        header: of the file.
        pixels: where its pixels are; None: nowhere.
    """
    return (
        pixels is not None
        and text(header, "SOPClassUID") not in _NO_PATIENT
        and text(header, "Modality").upper() not in _KINDS
    )

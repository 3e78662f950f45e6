"""What a DICOM header says of where its images come from.

Covers: the patient, series, position and modality of a file. Does not cover: all files of a set (`whole_sets.py`),
pseudonyms and splits (`fastssl.data.patients`).
"""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from fastssl.data.reading.samples import FileFacts

from .elements import text
from .geometry import slice_position

_NOBODY = re.compile(
    r"[\W_0]*|(?:anon(?:ym(?:ous|ized|ised|e)?)?|de-?identified|unknown|none|null|nil|n/?a|no ?id|not ?available"
    r"|removed|deleted|confidential|patient|test|x+)[\W_]*",
    re.IGNORECASE,
)
"""What is written into PatientID where there is none any more."""
_CODE = re.compile(r"[A-Z0-9_]{1,16}")


def file_facts(header: Dataset) -> FileFacts:
    """Read where the images of a file come from.

    Args:
        header: of the file.

    Returns:
        The facts, raw: they are for memory only. The patient is PatientID; where this is empty or says no more than
        that it was removed, the study's UID, for images of one study are of one patient.
    """
    patient = text(header, "PatientID")
    if _NOBODY.fullmatch(patient):
        patient = text(header, "StudyInstanceUID")
    modality = text(header, "Modality").upper()
    return FileFacts(
        patient=patient,
        series=text(header, "SeriesInstanceUID"),
        position=slice_position(header),
        modality=modality if _CODE.fullmatch(modality) else "",
    )

"""What a DICOM header says of where its images come from.

Covers: the patient, study, series, position and modality of a file. Does not cover: all files of a set
(`whole_sets.py`), pseudonyms and splits (`fastssl.data.patients`).
"""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from fastssl.data.patients.nobody import stands_for_nobody
from fastssl.data.reading.samples import FileFacts

from .elements import text
from .geometry import slice_position

_CODE = re.compile(r"[A-Z0-9_]{1,16}")


def file_facts(header: Dataset) -> FileFacts:
    """Read where the images of a file come from.

    Args:
        header: of the file.

    Returns:
        The facts, raw: they are for memory only. The patient is PatientID, unless this says no more than that it was
        removed.
    """
    patient = text(header, "PatientID")
    modality = text(header, "Modality").upper()
    return FileFacts(
        patient="" if stands_for_nobody(patient) else patient,
        study=text(header, "StudyInstanceUID"),
        series=text(header, "SeriesInstanceUID"),
        position=slice_position(header),
        modality=modality if _CODE.fullmatch(modality) else "",
    )

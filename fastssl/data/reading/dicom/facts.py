"""What a DICOM header says of where its images come from.

Covers: the patient, study, series, position and modality of a file, words for modalities. Does not cover: pseudonyms
and splits (`fastssl.data.patients`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from pydicom.dataset import Dataset

from fastssl.data.patients.nobody import stands_for_nobody
from fastssl.data.reading.samples import FileFacts

from .elements import text
from .geometry import slice_position

_CODE = re.compile(r"[A-Z0-9_]{1,16}")
_WORDS = {
    **dict.fromkeys(("CR", "DX"), "X-ray"),
    **dict.fromkeys(("IO", "PX"), "dental X-ray"),
    **{"CT": "CT", "MR": "MR", "US": "ultrasound", "IVUS": "intravascular ultrasound", "PT": "PET"},
    **{"NM": "nuclear medicine", "MG": "mammography X-ray", "XA": "angiography X-ray", "RF": "fluoroscopy X-ray"},
    **{
        "RG": "X-ray",
        "BMD": "bone densitometry X-ray",
        "OP": "fundus photography",
        "OPT": "optical coherence tomography",
    },
    **{"OCT": "optical coherence tomography", "IVOCT": "intravascular optical coherence tomography"},
    **{"ES": "endoscopy", "SM": "slide microscopy", "GM": "microscopy", "XC": "photography", "DMS": "dermoscopy"},
    **{"TG": "thermography", "BI": "biomagnetic imaging", "OPTENF": "optical coherence tomography"},
}


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


def modality_words(modalities: Iterable[str]) -> str:
    """Say in words what images were taken with.

    Args:
        modalities: DICOM's codes, of one or of all files (PS3.3 C.7.3.1.1.1).

    Returns:
        Words, the most frequent first, such as "CT" or "X-ray, ultrasound"; "" where no code is that of images.
    """
    counted = Counter(words for code in modalities if (words := _WORDS.get(code)))
    return ", ".join(words for words, _ in counted.most_common())

"""What a DICOM header says of where its images come from.

Covers: the patient, series, position and modality of a file, words for modalities, and telling that the header's
patients cannot be patients. Does not cover: pseudonyms and splits (`fastssl.data.patients`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

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
_MANY_SERIES = 20
"""Series from which on one patient for all is taken for what anonymisation left."""

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


def modality_words(modalities: Iterable[str]) -> str:
    """Say in words what images were taken with.

    Args:
        modalities: DICOM's codes, of one or of all files (PS3.3 C.7.3.1.1.1).

    Returns:
        Words, the most frequent first, such as "CT" or "X-ray, ultrasound"; "" where no code is that of images.
    """
    counted = Counter(words for code in modalities if (words := _WORDS.get(code)))
    return ", ".join(words for words, _ in counted.most_common())


def doubt_patients(facts: Sequence[FileFacts]) -> str:
    """Tell why the patients that headers say cannot be patients.

    Args:
        facts: of all DICOM files of a set.

    Returns:
        One clause, "" where they can be: no header says any, or all say the same one although they are of many series,
        as anonymisation leaves it.
    """
    patients = {fact.patient for fact in facts}
    if not any(patients):
        return "no DICOM header says a patient"
    series = {fact.series for fact in facts if fact.series}
    if len(patients) == 1 and len(series) >= _MANY_SERIES:
        return f"all DICOM headers say the same patient, in {len(series)} series"
    return ""

"""What the DICOM headers of a whole set say together.

Covers: words for modalities, files without an image. Does not cover: one file (`facts.py`), whose images they are
(`fastssl.data.patients`). It is free of pydicom, for sets without DICOM files are asked too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_OTHER = "other"
_TOMOGRAPHY = "optical coherence tomography"
_WORDS = {
    **dict.fromkeys(("CR", "DX", "RG"), "X-ray"),
    **dict.fromkeys(("IO", "PX"), "dental X-ray"),
    **dict.fromkeys(("OPT", "OCT", "OPTENF"), _TOMOGRAPHY),
    **{"MG": "mammography X-ray", "XA": "angiography X-ray", "RF": "fluoroscopy X-ray", "BMD": "densitometry X-ray"},
    **{"CT": "CT", "MR": "MR", "PT": "PET", "NM": "nuclear medicine", "US": "ultrasound", "OP": "fundus photography"},
    **{"IVUS": "intravascular ultrasound", "IVOCT": f"intravascular {_TOMOGRAPHY}", "ES": "endoscopy"},
    **{"SM": "slide microscopy", "GM": "microscopy", "XC": "photography", "DMS": "dermoscopy", "TG": "thermography"},
}
_NO_IMAGES = frozenset(
    (
        *("SR", "KO", "PR", "SEG", "DOC", "REG", "FID", "M3D", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "RTIMAGE"),
        *("ECG", "EPS", "HD", "EEG", "EMG", "EOG", "RESP", "AU", "PLAN", "STAIN", "LEN", "KER", "VA", "SMR"),
    )
)
"""Codes that are counted by name; any other text in a header's place for them is not shown."""


def modality_words(modalities: Iterable[str]) -> str:
    """Say in words what images were taken with.

    Args:
        modalities: DICOM's codes, of one or of all files (PS3.3 C.7.3.1.1.1).

    Returns:
        Words, the most frequent first, such as "CT" or "X-ray, ultrasound"; "" where no code is that of images.
    """
    counted = Counter(words for code in modalities if (words := _WORDS.get(code)))
    return ", ".join(words for words, _ in counted.most_common())


def describe_no_images(modalities: Iterable[str]) -> str:
    """Say how many DICOM files hold no image.

    Args:
        modalities: of these files, as `FileFacts` has them.

    Returns:
        One line, such as "12 DICOM files hold no image (SR 8, RTSTRUCT 4)"; "" where there are none.
    """
    counted = Counter(code if code in _NO_IMAGES or code in _WORDS else _OTHER for code in modalities)
    if not counted:
        return ""
    kinds = ", ".join(f"{kind} {number}" for kind, number in sorted(counted.items(), key=lambda one: (-one[1], one[0])))
    total = sum(counted.values())
    return f"{total} DICOM files hold no image ({kinds})" if total > 1 else f"1 DICOM file holds no image ({kinds})"

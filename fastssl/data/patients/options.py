"""What is chosen about patients.

Covers: the choices. Does not cover: applying them.
"""

from __future__ import annotations

from dataclasses import dataclass

DICOM, FOLDER, NOBODY = "dicom", "folder", "none"


@dataclass(frozen=True, kw_only=True)
class PatientOptions:
    """How patients are told apart, and what becomes of their names.

    Args:
        group: a column of the table of labels, a regular expression that is searched for in each path (its first
            bracket, or all of it, is the patient), "dicom" for PatientID, "folder" for the folder that an image is in,
            or "none"; None: what a table or DICOM files say.
        pseudonymise: only salted hashes of their names are kept.
        allow_leak: patients may be in two of the data's own splits.
    """

    group: str | None = None
    pseudonymise: bool = True
    allow_leak: bool = False

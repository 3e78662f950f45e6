"""What is chosen about patients.

Covers: the choices, and where there is none. Does not cover: applying them.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastssl.errors import DataError

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


def check_no_group(options: PatientOptions, where: str) -> None:
    """Refuse a way to tell patients apart where there is no choice.

    Args:
        options: what is asked for; "none" can always be asked for.
        where: the data and how they say whose the images are, for the error's first words.

    Raises:
        DataError: something else is asked for.
    """
    if options.group not in (None, NOBODY):
        raise DataError(f"{where}: group={options.group!r} has no meaning there; leave it out, or give none")

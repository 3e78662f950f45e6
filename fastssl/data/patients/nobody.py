"""Ids that stand for nobody: what is written into PatientID where there is none any more.

Covers: telling them. Does not cover: what is done instead (`from_headers.py`).
"""

from __future__ import annotations

import re

_WORDS = (
    *("anon", "anonym", "anonymous", "anonymized", "anonymised", "anonymize", "anonymise", "anonymouspatient"),
    *("deidentified", "removed", "hidden", "masked", "redacted", "default", "dummy", "test", "patient", "patientid"),
    *(
        "confidential",
        "deleted",
        "noone",
        "none",
        "null",
        "nil",
        "nan",
        "na",
        "unknown",
        "undefined",
        "notavailable",
        "noid",
        "noname",
        "empty",
        "id",
    ),
)


def stands_for_nobody(patient: str) -> bool:
    """Tell whether an id is a placeholder: a word such as "anonymous", "0000", "xxxx", or no letter and no digit.

    Args:
        patient: of a header, not empty.
    """
    letters = re.sub(r"[\W_]", "", patient.casefold())
    return letters in _WORDS or re.fullmatch("0*|x+|9{4,}", letters) is not None

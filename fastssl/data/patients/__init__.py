"""Whose images are: patients, and keeping each of them on one side of every division.

Covers: finding patients (`find.py`), their numbers and pseudonyms, dividing them into splits (`division.py`), patients
in two splits (`leaks.py`). Does not cover: what an evaluation holds out of train (`fastssl.evaluation.shared`).
"""

from .find import PatientColumn, Patients, find_patients
from .kept import kept_facts
from .leaks import check_leaks, count_shared
from .numbers import NumberedPatients, number_groups
from .options import PatientOptions

__all__ = [
    "NumberedPatients",
    "PatientColumn",
    "PatientOptions",
    "Patients",
    "check_leaks",
    "count_shared",
    "find_patients",
    "kept_facts",
    "number_groups",
]

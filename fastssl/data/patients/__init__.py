"""Whose images are: patients, and keeping each of them on one side of every division.

Covers: finding patients, their numbers and pseudonyms, dividing them into splits, patients in two splits. Does not
cover: what an evaluation holds out of train (`fastssl.evaluation.shared`).
"""

from .options import PatientOptions

__all__ = ["PatientOptions"]

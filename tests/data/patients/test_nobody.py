"""Ids that stand for nobody are told from those of patients."""

from __future__ import annotations

import pytest

from fastssl.data.patients.nobody import stands_for_nobody

PLACEHOLDERS = (
    "ANONYMOUS Anonymized de-identified anon. REMOVED unknown N/A none [id] 0 0000000 00-00 x XXXX 999999 --- ^ ?"
)
PATIENTS = "P0001 1 007 anon-17 TCGA-02-0003 99 999 x1 Anna 患者 10000 hidden2"


@pytest.mark.parametrize("patient", [*PLACEHOLDERS.split(), "Patient ID"])
def test_a_placeholder_stands_for_nobody(patient: str) -> None:
    assert stands_for_nobody(patient)


@pytest.mark.parametrize("patient", [*PATIENTS.split(), "patient 3"])
def test_the_id_of_a_patient_does_not(patient: str) -> None:
    assert not stands_for_nobody(patient)

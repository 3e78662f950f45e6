"""What may be kept of headers: pseudonyms in the place of ids."""

from __future__ import annotations

from dataclasses import fields

import pytest

from fastssl.data.patients import PatientOptions, kept_facts
from fastssl.data.patients.pseudonyms import pseudonyms_of
from fastssl.data.patients.salt import find_salt
from fastssl.data.reading.samples import FileFacts

RAW = FileFacts(patient="DOE^JOHN", study="1.2.840.1", series="1.2.840.1.7", position=4.5, modality="CT")


def test_patients_studies_and_series_are_kept_as_pseudonyms() -> None:
    kept = kept_facts(PatientOptions())(RAW)
    assert (kept.patient, kept.study, kept.series) == pseudonyms_of([RAW.patient, RAW.study, RAW.series], find_salt())
    assert (kept.position, kept.modality) == (4.5, "CT")


def test_no_text_of_a_header_is_kept_but_the_modality() -> None:
    text = {one.name for one in fields(FileFacts) if isinstance(getattr(RAW, one.name), str)}
    kept = kept_facts(PatientOptions())(RAW)
    assert [name for name in text if getattr(kept, name) == getattr(RAW, name)] == ["modality"]


def test_only_the_patient_s_name_stays_where_pseudonyms_are_refused() -> None:
    kept = kept_facts(PatientOptions(pseudonymise=False))(RAW)
    assert kept.patient == RAW.patient
    assert kept.study not in ("", RAW.study)
    assert kept.series not in ("", RAW.series)


@pytest.mark.parametrize("pseudonymise", [True, False])
def test_what_is_not_known_stays_unknown_and_needs_no_salt(pseudonymise: bool, cache) -> None:
    assert kept_facts(PatientOptions(pseudonymise=pseudonymise))(FileFacts()) == FileFacts()
    assert not cache.exists()

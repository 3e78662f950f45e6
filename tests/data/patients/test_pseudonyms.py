"""Pseudonyms are keyed hashes: the same for one name and one salt, different for two patients."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest

from fastssl.data.patients import pseudonyms
from fastssl.data.patients.pseudonyms import pseudonyms_of

SALT = bytes(range(32))


def test_a_pseudonym_is_the_beginning_of_the_keyed_blake2b_of_the_name() -> None:
    names = ["P001", "Müller^Änne", "", "a/b c"]
    expected = [hashlib.blake2b(name.encode(), digest_size=32, key=SALT).hexdigest()[:12] for name in names]
    assert pseudonyms_of(names, SALT) == tuple(expected)


def test_another_salt_makes_other_pseudonyms_and_the_same_salt_the_same() -> None:
    names = [f"P{number}" for number in range(50)]
    first, again, other = (pseudonyms_of(names, salt) for salt in (SALT, SALT, SALT[::-1]))
    assert first == again
    assert not set(first) & set(other)


def test_a_name_in_either_form_of_unicode_is_one_patient_s() -> None:
    forms = [unicodedata.normalize(form, "Gößner Ångström") for form in ("NFC", "NFD")]
    assert forms[0] != forms[1]
    assert len(set(pseudonyms_of(forms, SALT))) == 1


def test_a_name_that_is_not_utf_8_has_a_pseudonym() -> None:
    (found,) = pseudonyms_of(["caf\udce9"], SALT)
    assert found == hashlib.blake2b(b"caf\xe9", digest_size=32, key=SALT).hexdigest()[:12]


def test_where_two_patients_would_have_one_pseudonym_all_get_more_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonyms, "DIGITS", 1)
    names = [f"P{number}" for number in range(40)]  # of 16 pseudonyms with one digit
    found = pseudonyms_of(names, SALT)
    assert len(set(found)) == 40
    whole = [hashlib.blake2b(name.encode(), digest_size=32, key=SALT).hexdigest() for name in names]
    assert found == tuple(digest[: len(found[0])] for digest in whole)
    assert len(found[0]) == 5

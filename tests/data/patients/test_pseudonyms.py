"""Pseudonyms: keyed hashes, and the salt's private file."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from fastssl.data.patients.pseudonyms import pseudonyms_of
from fastssl.data.patients.salt import find_salt
from fastssl.errors import DataError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FASTSSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FASTSSL_SALT", raising=False)
    return tmp_path / "cache"


def test_a_pseudonym_is_the_beginning_of_the_keyed_hash() -> None:
    salt = bytes(range(32))
    expected = hashlib.blake2b("Ä".encode(), key=salt, digest_size=32).hexdigest()[:12]
    assert pseudonyms_of(["Ä"], salt) == (expected,)
    assert pseudonyms_of(["A\u0308"], salt) == (expected,)  # the same name in Unicode's other form


def test_pseudonyms_that_would_be_equal_get_more_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastssl.data.patients.pseudonyms.DIGITS", 1)
    found = pseudonyms_of([str(number) for number in range(40)], bytes(32))
    assert len(set(found)) == 40
    assert {len(name) for name in found} == {5}


def test_the_salt_is_kept_where_its_owner_alone_can_read_it(cache: Path) -> None:
    salt = find_salt()
    assert len(salt) == 32
    assert find_salt() == salt
    assert stat.S_IMODE((cache / "patients").stat().st_mode) == 0o700
    assert stat.S_IMODE((cache / "patients" / "salt").stat().st_mode) == 0o600
    (cache / "patients" / "salt").unlink()
    assert find_salt() != salt


def test_a_team_s_salt_comes_first_and_touches_no_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSSL_SALT", "ours")
    assert find_salt() == find_salt() == hashlib.blake2b(b"ours", digest_size=32).digest()
    assert not cache.exists()
    monkeypatch.setenv("FASTSSL_SALT", " ")
    with pytest.raises(DataError, match="FASTSSL_SALT is empty"):
        find_salt()


def test_a_damaged_salt_is_refused_in_one_line(cache: Path) -> None:
    find_salt()
    (cache / "patients" / "salt").write_text("no digits")
    with pytest.raises(DataError, match="is damaged: it holds no salt; remove it, and patients get new pseudonyms"):
        find_salt()

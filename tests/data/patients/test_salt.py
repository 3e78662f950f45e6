"""The salt is random, the user's own, readable by nobody else; a team's comes from the environment."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fastssl.data.patients.salt import find_salt
from fastssl.errors import DataError


@pytest.fixture(autouse=True)
def own_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTSSL_SALT", raising=False)


def test_the_first_call_makes_a_private_file_and_the_others_read_it(cache: Path) -> None:
    first = find_salt()
    assert len(first) == 32
    assert find_salt() == first
    path = cache / "patients" / "salt"
    assert path.read_text().strip() == first.hex()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_without_its_file_there_is_a_new_one(cache: Path) -> None:
    first = find_salt()
    (cache / "patients" / "salt").unlink()
    assert find_salt() != first


def test_a_team_s_salt_comes_first_and_no_file_is_made(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = find_salt()
    (cache / "patients" / "salt").unlink()
    found = []
    for text in ("our secret", "our secret", "another, with ß and more than 64 bytes " * 3):
        monkeypatch.setenv("FASTSSL_SALT", text)
        found.append(find_salt())
    assert found[0] == found[1] != found[2]
    assert own not in found
    assert {len(one) for one in found} == {32}
    assert not (cache / "patients" / "salt").exists()


@pytest.mark.parametrize("text", ["", "  \t"])
def test_an_empty_salt_of_a_team_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSSL_SALT", text)
    with pytest.raises(DataError, match=r"^FASTSSL_SALT is empty; give it a secret text, or unset it"):
        find_salt()


@pytest.mark.parametrize("content", [b"", b"abcd\n", b"no salt", b"\xff\xfe\x00", b"00" * 33])
def test_a_damaged_file_is_one_line_that_says_what_to_do(content: bytes, cache: Path) -> None:
    find_salt()
    path = cache / "patients" / "salt"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        find_salt()
    assert str(caught.value) == f"{path} is damaged: it holds no salt; remove it, and patients get new pseudonyms"
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_one_line_with_both_ways_out(cache: Path) -> None:
    cache.mkdir()
    (cache / "patients").write_text("a file where the folder should be")
    with pytest.raises(DataError) as caught:
        find_salt()
    text = str(caught.value)
    assert "\n" not in text
    assert "set FASTSSL_SALT to a secret text, or keep patients' names with --no-pseudonymise" in text

"""What the cache holds is for its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fastssl.data import open_source
from fastssl.data.private_folder import make_private_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_in_the_cache_is_private_also_where_it_existed_already(classes, cache):
    (cache / "packed").mkdir(parents=True)
    (cache / "packed").chmod(0o777)
    open_source(classes, size=24)
    below = [cache / "packed", *(cache / "packed").rglob("*")]
    assert {mode(path) for path in below if path.is_dir()} == {0o700}
    assert {mode(path) for path in below if path.name in ("images.raw", "groups.raw", "pack.json")} == {0o600}


def test_a_folder_that_the_user_chose_is_left_as_it_is(classes, cache):
    cache.mkdir()
    cache.chmod(0o755)
    open_source(classes, size=24)
    assert mode(cache) == 0o755


def test_the_cache_in_the_home_folder_is_private(classes, tmp_path, monkeypatch):
    monkeypatch.delenv("FASTSSL_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home/.cache/fastssl").mkdir(parents=True)
    (tmp_path / "home/.cache/fastssl").chmod(0o755)
    open_source(classes, size=24)
    assert mode(tmp_path / "home/.cache/fastssl") == 0o700
    assert mode(tmp_path / "home/.cache") != 0o700


@pytest.mark.parametrize("before", [0o777, 0o750, 0o700])
def test_a_private_folder_is_private_whatever_it_was(tmp_path, before):
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(before)
    make_private_folder(tmp_path / "a")
    make_private_folder(tmp_path / "new" / "b")
    assert mode(tmp_path / "a") == mode(tmp_path / "new" / "b") == 0o700

"""Paths as a user writes them: only a beginning is a home folder, also where the system knows none."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from fastssl.paths import home_folder, user_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~", "HOME"),
        ("~/", "HOME"),
        ("a/~/b", "a/~/b"),
        ("~x.npz/..", None),
        (" ", " "),
        ("caf\udce9", "caf\udce9"),
    ],
)
def test_only_a_beginning_stands_for_a_home_folder(text: str, path: str | None, home: Path) -> None:
    if path is None:
        with pytest.raises(ValueError, match=r"there is no user 'x\.npz'"):
            user_path(text)
    else:
        assert user_path(text) == (home if path == "HOME" else Path(path))


def test_a_name_that_begins_with_a_tilde_can_be_given(home: Path) -> None:
    once = user_path("./~/b")
    assert once == user_path(once) == Path.cwd() / "~" / "b"


def test_another_users_home_is_found() -> None:
    user = pwd.getpwuid(os.getuid())
    assert user_path(f"~{user.pw_name}/x") == Path(user.pw_dir) / "x"


@pytest.mark.parametrize("unset", [True, False])
def test_without_a_home_folder_it_is_said(unset: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if unset:  # as in a container that runs as a user whom it does not know
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr(pwd, "getpwuid", lambda uid: {}[uid])
    else:
        monkeypatch.setenv("HOME", "")
    with pytest.raises(ValueError, match=r"^HOME is not set: write the path out"):
        user_path("~/x")
    with pytest.raises(ValueError, match=r"^HOME is not set$"):
        home_folder()
    assert user_path("a") == Path("a")


@pytest.mark.parametrize(("text", "said"), [("", "give a path"), ("a\0b", "null character")])
def test_what_is_no_path_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        user_path(text)


def test_the_home_folder_is_the_one_that_home_names(home: Path) -> None:
    assert home_folder() == home

"""What a command writes is there whole or not at all, and what was there before stays until then."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastssl.errors import ConfigError, DataError
from fastssl.outputs import check_output, made_beside


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def fill(path: Path) -> None:
    """Begin to make a file, and meet a full disk."""
    with made_beside(path) as made:
        made.write_text("half")
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("before", [False, True])
def test_a_file_takes_its_place_at_the_end_of_the_block(tmp_path: Path, before: bool) -> None:
    path = tmp_path / "new" / "file"
    if before:
        path.parent.mkdir()
        path.write_text("old")
    with made_beside(path) as made:
        made.write_text("new")
        assert not before or path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(path.parent) == ["file"]


def test_a_folder_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with made_beside(path) as made:
        made.mkdir()
        (made / "new").touch()
    assert names(path) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(DataError, match="the disk is full; free some room, or give another --out"):
        fill(path)
    assert (path.read_text(), names(tmp_path)) == ("old", ["file"])


def test_places_that_nothing_can_be_written_at_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    check_output(tmp_path / "a" / "b" / "c", overwrite=False)
    check_output(file, overwrite=True)
    for path, folder, told in (
        (file, False, "exists; give another --out, or replace it with --overwrite"),
        (tmp_path, False, "is a folder"),
        (file, True, "is a file"),
        (file / "below", False, f"{file} is a file"),
    ):
        with pytest.raises(ConfigError, match=told):
            check_output(path, overwrite=False, folder=folder)

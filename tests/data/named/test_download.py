"""Fetching a file: once, checked, whole or not at all, and one line for what goes wrong."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from fastssl.data.named.download import download
from fastssl.errors import DataError

CONTENT = bytes(range(256)) * 20


def fetch(url: str, path: Path, content: bytes = CONTENT, notify=None) -> None:
    """Download a file that should hold `content`."""
    download(url, path, hashlib.md5(content).hexdigest(), notify)


def visible(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"]


def test_a_file_is_downloaded_once(tmp_path, server, told):
    server.body = CONTENT
    for _ in range(2):
        fetch(server.url, tmp_path / "new" / "file.npz", notify=told.append)
    assert (tmp_path / "new" / "file.npz").read_bytes() == CONTENT
    assert server.requests == 1
    assert told == [f"downloading file.npz to {tmp_path / 'new'}"]


def test_a_damaged_download_is_refused_and_leaves_no_file(tmp_path, server):
    server.body = bytes(len(CONTENT))
    with pytest.raises(DataError, match="is damaged"):
        fetch(server.url, tmp_path / "file.npz")
    assert visible(tmp_path) == []


def test_a_download_that_breaks_off_leaves_no_file(tmp_path, server):
    server.body, server.length = CONTENT[:2000], len(CONTENT)
    with pytest.raises(DataError, match=r"broke off|is damaged"):
        fetch(server.url, tmp_path / "file.npz")
    assert visible(tmp_path) == []


def test_without_a_network_one_line_names_the_file_the_url_and_the_folder(tmp_path):
    url = "http://127.0.0.1:9/file.npz"
    started = time.monotonic()
    with pytest.raises(DataError) as caught:
        fetch(url, tmp_path / "file.npz")
    text = str(caught.value)
    assert time.monotonic() - started < 5
    assert "\n" not in text
    for part in ("file.npz is not in", url, str(tmp_path)):
        assert part in text

"""Fetching one file.

Covers: progress, a checksum, and never leaving a part of a file under the final name. Does not cover: which file
(`medmnist_sets.py`). The downloader of medmnist is not used: it needs torchvision, has no time limit, and writes to the
final name.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path

from fastssl.data.progress import progress
from fastssl.data.storage import locked, writing
from fastssl.errors import DataError

SECONDS_WITHOUT_A_BYTE = 10
CHUNK_BYTES = 1 << 20


def download(url: str, path: Path, md5: str, notify: Callable[[str], None] | None = None) -> None:
    """Fetch a file, by one process at a time, unless it is there already.

    It is written under a hidden temporary name in the same folder, then renamed.

    Args:
        url: of the file.
        path: where it goes; missing folders are made.
        md5: its checksum, as hexadecimal digits.
        notify: called with one line of text when the download starts and while it goes on; None keeps quiet.

    Raises:
        DataError: the server does not answer within ten seconds, the download breaks off, its checksum is another, or
            the file cannot be written. The text names the file, the URL and the folder to put it in.
    """
    remedy = f"free some room, or put {path.name} from {url} into a folder of your own and give it as the data root"
    with writing(path.parent, remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(f".{path.name}.lock"), notify):
            if path.is_file():
                return
            if notify:
                notify(f"downloading {path.name} to {path.parent}")
            part = path.with_name(f".{path.name}.{os.getpid()}.part")
            try:
                _fetch(url, part, path, md5, notify)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)


def _fetch(url: str, part: Path, path: Path, md5: str, notify: Callable[[str], None] | None) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    by_hand = f"download {url} and put it into {path.parent} as {path.name}"
    try:
        response = urllib.request.urlopen(url, timeout=SECONDS_WITHOUT_A_BYTE)
    except (OSError, http.client.HTTPException) as error:
        raise DataError(
            f"{path.name} is not in {path.parent} and cannot be fetched ({_cause(error)}); {by_hand}"
        ) from error
    total = int(response.headers.get("Content-Length") or 0)
    with response, part.open("wb") as file, progress(f"downloading {path.name}", total, notify) as advance:
        while True:
            try:
                chunk = response.read(CHUNK_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise DataError(
                    f"the download of {path.name} broke off ({_cause(error)}); try again, or {by_hand}"
                ) from error
            if not chunk:
                break
            file.write(chunk)
            digest.update(chunk)
            advance(len(chunk))
    if digest.hexdigest() != md5:
        raise DataError(
            f"the download of {path.name} is damaged (MD5 {digest.hexdigest()}, not {md5}); try again, or {by_hand}"
        )


def _cause(error: Exception) -> str:
    return " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__

"""Reading the headers of many files, each once.

Covers: which of them the cache has, reading the others in parallel, what of their facts may be kept. Does not cover:
the cache's file (`store.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from fastssl.data.patients import PatientOptions, kept_facts
from fastssl.data.progress import progress
from fastssl.data.reading import ImageHeader, ReadingOptions, read_image_header
from fastssl.data.reading.in_order import read_in_order
from fastssl.data.reading.samples import FileFacts
from fastssl.data.reading.worker_pool import worker_pool

from .keys import file_key, name_in_cache
from .lines import as_line, of_line
from .store import alone, appending, as_text, header_path, read_lines, rewrite

FORMAT = 1
_MOST_STALE = 4
"""Lines for each file, above which the file of headers is written anew."""
_WORTH_TELLING = 5.0

Notify = Callable[[str], None]
Keep = Callable[[FileFacts], FileFacts]


@dataclass(frozen=True, kw_only=True)
class FileHeaders:
    """What the files of a folder say.

    Args:
        known: path -> header, without the unreadable ones; in the order of the files.
        unreadable: path -> what is wrong with it.
        keys: path -> which file it is (`file_key`), of all files.
    """

    known: Mapping[str, ImageHeader]
    unreadable: Mapping[str, str]
    keys: Mapping[str, str]


def read_headers(
    root: Path,
    files: Sequence[str],
    options: ReadingOptions,
    *,
    patients: PatientOptions | None = None,
    notify: Notify | None = None,
) -> FileHeaders:
    """Read the headers of a folder's files; those that the cache has are not read again.

    Args:
        root: the folder.
        files: their paths, relative to it.
        options: how files are read.
        patients: whether their names or pseudonyms are kept; None: pseudonyms.
        notify: called with one line of text about the progress; None keeps quiet.

    Returns:
        The headers.

    Raises:
        DataError: the operating system refuses a file, or the cache cannot be written.
    """
    keys = {path: file_key(root, path) for path in files}
    whose = patients or PatientOptions()
    path = header_path(name_in_cache(root, FORMAT, options.of_headers(), whose.pseudonymise))
    found = _understood(read_lines(path), keys)
    if len(found) < len(keys):
        with alone(path, notify):
            lines = read_lines(path)
            found = _understood(lines, keys)  # another process may have read them meanwhile
            missing = [file for file in files if file not in found]
            found |= _read(path, root, missing, keys, options, kept_facts(whose), notify)
            if len(lines) > _MOST_STALE * len(files):
                rewrite(path, {keys[file]: as_line(got) for file, got in found.items()})
    return FileHeaders(
        known={file: got for file in files if not isinstance(got := found[file], str)},
        unreadable={file: got for file in files if isinstance(got := found[file], str)},
        keys=keys,
    )


def _understood(lines: Mapping[str, dict[str, Any]], keys: Mapping[str, str]) -> dict[str, ImageHeader | str]:
    """What was kept of the files; a line of another version counts as not there."""
    found = {}
    for file, key in keys.items():
        try:
            found[file] = of_line(lines[key])
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _read(
    path: Path,
    root: Path,
    files: Sequence[str],
    keys: Mapping[str, str],
    options: ReadingOptions,
    keep: Keep,
    notify: Notify | None,
) -> dict[str, ImageHeader | str]:
    """Read headers, and append each to the cache as soon as it is known."""
    found: dict[str, ImageHeader | str] = {}
    started = time.monotonic()

    with (
        worker_pool(files) as pool,
        progress("reading headers", len(files), notify) as advance,
        appending(path) as out,
    ):
        for file, read in zip(files, read_in_order(pool, partial(_header_of, root, options), files), strict=True):
            got = read if isinstance(read, str) else replace(read, facts=keep(read.facts))
            out.write(as_text(keys[file], as_line(got)))
            found[file] = got
            advance(1)
    seconds = time.monotonic() - started
    if notify and seconds > _WORTH_TELLING:
        notify(f"{root}: {len(files)} headers read in {seconds:.1f} s")
    return found


def _header_of(root: Path, options: ReadingOptions, file: str) -> ImageHeader:
    return read_image_header(root / file, options)

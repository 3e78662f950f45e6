"""What makes a file the same file, and a folder's name in the cache.

Covers: keys from names and the operating system's facts, without reading a file. Does not cover: what is kept under
them.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from fastssl.data.layout.value_files import value_files_of
from fastssl.data.reading import refused_file

_LONGEST_NAME = 40


def file_key(root: Path, path: str) -> str:
    """Say which file it is: a file that was replaced, changed or renamed to another's name is another one.

    Args:
        root: the folder.
        path: of the file, relative to it.

    Returns:
        20 hexadecimal digits of its path, size, times and inode; of a header whose values are another file, of both.

    Raises:
        DataError: the operating system refuses it.
    """
    facts: list[Any] = [path]
    for own in (root / path, *value_files_of(root / path)):
        try:
            stat = own.stat()
        except OSError as error:
            raise refused_file(own, error) from error
        facts += [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    return _digest(facts)


def name_in_cache(root: Path, *settings: Any) -> str:
    """Name what is kept of a folder, so that a person can tell whose it is.

    Args:
        root: the folder.
        settings: all else that it depends on, as JSON knows it.

    Returns:
        The folder's name and 20 hexadecimal digits.
    """
    name = re.sub(r"[^\w.-]+", "_", root.resolve().name)[:_LONGEST_NAME] or "images"
    return f"{name}-{_digest([str(root.resolve()), *settings])}"


def _digest(facts: list[Any]) -> str:
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=10).hexdigest()

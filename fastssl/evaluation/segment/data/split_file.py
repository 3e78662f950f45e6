"""A file that says which image is in which split.

Covers: lines `NAME,SPLIT` as spreadsheets of any system save them: marks of the encoding, either line ending, tabs and
semicolons, quotes, a line of headings, blank lines. Does not cover: other ways to split (`splits.py`).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path

from fastssl.errors import DataError

from .image_names import ImageNames

_LARGEST = 64 << 20
_HEADINGS = re.compile(r"split|set|subset|partition|fold|group|usage|phase|stage", re.IGNORECASE)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_split_file(path: Path, known: ImageNames, splits: Sequence[str]) -> dict[str, list[str]]:
    """Read the splits that a file says.

    Args:
        path: of a text file.
        known: all images; names of images that were left out are passed over.
        splits: the words for splits, in lower case.

    Returns:
        Split -> names of its images, in the file's order.

    Raises:
        DataError: it cannot be read, a line is not NAME,SPLIT, a name is unknown or there twice, or one is missing.
    """
    parts: dict[str, list[str]] = {split: [] for split in splits}
    placed: set[str] = set()
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        if not line.strip(" \t,;"):
            continue
        written, split = _fields(line)
        if split.lower() not in splits or not written:
            if not placed and known.find(written) is None and _HEADINGS.search(split):
                continue
            forms = " or ".join(f"NAME,{word}" for word in splits)
            raise DataError(f"{path}, line {number}: {line!r} is not {forms}")
        name = known.find(written)
        if name is None and known.is_left_out(written):
            continue
        if name is None or name in placed:
            what = "no image is called" if name is None else "twice"
            raise DataError(f"{path}, line {number}: {what} {written!r}")
        placed.add(name)
        parts[split.lower()].append(name)
    forgotten = [name for name in known.names if name not in placed]
    if forgotten:
        raise DataError(f"{path}: names no split for {forgotten[0]!r} and {len(forgotten) - 1} other image(s)")
    return parts


def _text_of(path: Path) -> str:
    """The text of a file, without the mark of its encoding."""
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: too large for a file of splits, which has a line NAME,SPLIT for each image")
        content = path.read_bytes()
        return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read as a file of splits ({error.strerror})") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: cannot be read as a file of splits: it is not in UTF-8; save it so") from None


def _fields(line: str) -> tuple[str, str]:
    """(name, split) of a line: what is before its last tab, semicolon or comma, or space where it has none of these."""
    line = line.strip().rstrip(",;\t ")
    end = max(line.rfind(mark) for mark in "\t;,")
    end = line.rfind(" ") if end < 0 else end
    name, split = (part.strip() for part in (line[: max(0, end)], line[end + 1 :]))
    return _unquoted(name), _unquoted(split)


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].replace('""', '"').strip() if quoted else text

"""Names of files, folders and classes as text that can be shown.

Covers: writing as escapes what would change the screen, break the line, or cannot be encoded; leaving out the middle of
long text. Does not cover: printing (`console.py`), cells of CSV files (`fastssl.evaluation.shared.report`), fonts of
figures (`lettering.py`).
"""

from __future__ import annotations

import os
import re

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters: newlines, tabs, the escape that begins a terminal's commands
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of the text around them
    "\u200b\u2028\u2029\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # line breaks and invisible marks of Unicode
    "\ud800-\udfff\U000e0000-\U000e007f]"  # surrogates, which stand for bytes that are not UTF-8; invisible tags
)


def printable(name: str | os.PathLike[str]) -> str:
    r"""Write as escapes what is not safe to show of a name: "a\nb" becomes a, a backslash, n, b.

    Args:
        name: text that a user, a file or a folder has given.

    Returns:
        The same text on one line, in which control characters, escape sequences, line breaks, marks of direction,
        invisible marks and surrogates are escapes of Python (`\n`, `\x1b`, `\u202e`, `\udcff`). All else is as it was,
        backslashes and letters of any script included.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), os.fspath(name))


def shortened(text: str, most: int) -> str:
    """Leave out the middle of a long text, so that its beginning and its end can be read.

    Args:
        text: any text.
        most: characters that may remain, at least 3.

    Returns:
        `text`, or its beginning and end with "..." between them, `most` characters long.
    """
    if len(text) <= most:
        return text
    end = (most - 3) // 2
    return f"{text[: most - 3 - end]}...{text[len(text) - end :]}"

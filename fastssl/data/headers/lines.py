"""A header as a line of JSON.

Covers: both ways. Does not cover: the file of such lines (`store.py`).
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from fastssl.data.reading import ImageHeader
from fastssl.data.reading.samples import FileFacts

_PLAIN = tuple(field.name for field in fields(ImageHeader) if field.name not in ("dtype", "facts"))
_FACTS = tuple(field.name for field in fields(FileFacts))


def as_line(header: ImageHeader | str) -> dict[str, Any]:
    """Return what JSON can hold of a header, or of the reason why there is none.

    Args:
        header: of a file; text that says what is wrong with it.
    """
    if isinstance(header, str):
        return {"unreadable": header}
    kept = {name: getattr(header, name) for name in _PLAIN} | {"dtype": header.dtype.name}
    facts = {name: value for name in _FACTS if (value := getattr(header.facts, name))}
    return kept | ({"facts": facts} if facts else {})


def of_line(kept: dict[str, Any]) -> ImageHeader | str:
    """Return the header that `as_line` wrote.

    Args:
        kept: as it was written.

    Raises:
        KeyError, TypeError: it was not written by this version.
    """
    if "unreadable" in kept:
        return str(kept["unreadable"])
    facts = FileFacts(**kept.get("facts", {}))
    return ImageHeader(**{**kept, "dtype": np.dtype(kept["dtype"]), "facts": facts})

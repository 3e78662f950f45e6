"""A JSON file of results, read tolerantly.

Covers: the base of all forms, numbers that may be null, reading a file. Does not cover: which forms there are
(`evaluation_files.py`).
"""

from __future__ import annotations

import json
from math import nan
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

MOST_BYTES = 64 << 20
"""Of an evaluation's file; one of many trials has about 1 MB."""

Number = Annotated[float, BeforeValidator(lambda value: nan if value is None else value)]
"""A number; null, which stands for nan, is nan."""
FileT = TypeVar("FileT", bound="StoredFile")


class StoredFile(BaseModel):
    """Base of all forms: frozen, and tolerant of keys that are not known."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


def read_json(path: Path) -> Any:
    """Read a JSON file of at most 64 MiB.

    Args:
        path: of the file.

    Returns:
        What it holds; None where there is none, or it is no JSON.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def read_file(path: Path, form: type[FileT]) -> FileT | None:
    """Read the file of an evaluation.

    Args:
        path: of the file.
        form: what it should be.

    Returns:
        Its content; None where there is no such file, or it does not have this form.
    """
    content = read_json(path)
    try:
        return None if content is None else form.model_validate(content)
    except ValidationError:
        return None

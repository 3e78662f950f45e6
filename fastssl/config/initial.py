"""Weights to start from, as settings name them: a run, a file, imagenet, timm:NAME, timm:NAME=FILE.

Covers: the type of such a setting, reading one, changing its path. Does not cover: whether timm has the model, and
loading (`fastssl.models.starting_weights`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from fastssl.paths import user_path

IMAGENET = "imagenet"
"""The word for the published weights of the run's own encoder."""
_TIMM = "timm:"
_PARTS = re.compile(r"timm:(?P<name>[\w.-]+)(?:=(?P<file>.+))?")


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """Published weights as they are asked for.

    Attributes:
        model: of timm, with or without the tag of its weights; None for the run's own encoder.
        file: that holds them; None for the hub's, or an installed package's.
    """

    model: str | None
    file: Path | None = None


def parse_initial(value: str | Path) -> PublishedWeights | Path:
    """Read what weights to start from.

    Args:
        value: of the setting.

    Returns:
        Published weights, or the path of a run or a file.

    Raises:
        ValueError: it begins as timm:NAME does and goes on otherwise, or is no path.
    """
    if isinstance(value, Path):
        return user_path(value)
    text = value.strip()
    if text == IMAGENET:
        return PublishedWeights(model=None)
    if not text.startswith(_TIMM):
        return user_path(value)
    found = _PARTS.fullmatch(text)
    if found is None:
        raise ValueError("give imagenet, timm:NAME, timm:NAME=FILE, a run or a file of weights")
    file = None if found["file"] is None else user_path(found["file"])
    return PublishedWeights(model=found["name"], file=file)


def with_path(value: str | Path, change: Callable[[str], str]) -> str:
    """Change the path in a setting.

    Args:
        value: of the setting.
        change: from a path's text to another's.

    Returns:
        The text; as it was where it has no path.
    """
    found = parse_initial(value)
    if isinstance(found, Path):
        return change(str(found))
    return str(value) if found.file is None else f"{_TIMM}{found.model}={change(str(found.file))}"


def path_in(value: str | Path) -> Path | None:
    """Return the path in a setting; None where it has none.

    Args:
        value: of the setting.
    """
    found = parse_initial(value)
    return found if isinstance(found, Path) else found.file


def _initial_setting(value: Any) -> Any:
    """Names as text, and paths; one that reads like a name (./imagenet) is made absolute, so that it stays a path."""
    if isinstance(value, int) and not isinstance(value, bool):  # a folder called 123
        value = str(value)
    if not isinstance(value, (str, Path)):
        return value
    found = parse_initial(value)
    if not isinstance(found, Path):
        return with_path(value, str).strip()
    return found.absolute() if str(found) == IMAGENET or str(found).startswith(_TIMM) else found


InitialWeights = Annotated[str | Path, BeforeValidator(_initial_setting)]
"""The type of a setting that names weights to start from; `parse_initial` reads it."""

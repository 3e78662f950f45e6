"""Pre-trained encoders to compare with, as settings name them: timm:NAME, timm:NAME@SIZE, timm:NAME=FILE.

Covers: the type of such settings, reading one of them. Does not cover: whether timm has the model, and its weights
(`fastssl.models.imagenet`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import AfterValidator, BeforeValidator

from fastssl.paths import user_path

from .base import EVALUATION, SEVERAL

FORM = "timm:NAME, timm:NAME@SIZE or timm:NAME=FILE"
_BETWEEN = re.compile(r"[,\s]+(?=timm:)")
_PARTS = re.compile(r"timm:(?P<name>[\w.-]+)(?:@(?P<size>\d{1,4}))?(?:=(?P<weights>.+))?")
_SIDES = range(8, 1025)


@dataclass(frozen=True, kw_only=True)
class BaselineText:
    """A baseline as it is asked for.

    Attributes:
        name: of a timm model.
        size: side in pixels that it sees images at; None for the evaluation's own.
        weights: a file of its weights; None for the hub's.
    """

    name: str
    size: int | None = None
    weights: Path | None = None


def parse_baseline(text: str) -> BaselineText:
    """Read a baseline.

    Args:
        text: such as "timm:resnet18", "timm:swin_tiny_patch4_window7_224@224" or "timm:resnet18=weights.safetensors".

    Returns:
        Its parts.

    Raises:
        ValueError: it has another form, or a side out of range.
    """
    found = _PARTS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r}: give {FORM}")
    size = None if found["size"] is None else int(found["size"])
    if size is not None and size not in _SIDES:
        raise ValueError(f"{text!r}: the side after @ is {_SIDES.start} to {_SIDES.stop - 1} pixels")
    weights = None if found["weights"] is None else user_path(found["weights"])
    return BaselineText(name=found["name"], size=size, weights=weights)


def _split(value: Any) -> Any:
    """One string at the commas and spaces ahead of the next timm:, as files may have either in their names."""
    if value is None or isinstance(value, Mapping):
        return value
    items = value if isinstance(value, (list, tuple)) else (value,)
    return [part for item in items for part in (_BETWEEN.split(item.strip()) if isinstance(item, str) else (item,))]


def _checked(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        parse_baseline(value)
    return tuple(dict.fromkeys(values))


Baselines = Annotated[
    tuple[str, ...],
    BeforeValidator(_split),
    AfterValidator(_checked),
    SEVERAL,
    Parameter(group=EVALUATION, show_default=False),
]
"""The type of a setting that names baselines; `parse_baseline` reads each of them."""

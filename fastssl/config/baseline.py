"""Encoders to compare with that are no runs, as a setting names them: `timm:NAME` or `timm:NAME=FILE`.

Covers: the text of a setting, and the record that is read from it. Does not cover: whether there is such a model, its
weights (`fastssl.models.imagenet`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from fastssl.paths import user_path

from .base import SEVERAL

PREFIX = "timm:"
_NEXT = re.compile(rf"[,\s]+(?={PREFIX})")
"""Between two of them in one string; a file's name may hold commas and spaces."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """An encoder to compare with.

    Attributes:
        name: of the timm model, with the tag of its weights where there is one.
        weights: a file of its weights; None for those that are on this machine.
    """

    name: str
    weights: Path | None

    @property
    def text(self) -> str:
        """What `parse_baseline` reads it from."""
        return f"{PREFIX}{self.name}" + ("" if self.weights is None else f"={self.weights}")


def parse_baseline(text: str) -> Baseline:
    """Read `timm:NAME` or `timm:NAME=FILE`.

    Args:
        text: the setting.

    Raises:
        ValueError: it is neither.
    """
    name, equals, file = text.removeprefix(PREFIX).partition("=")
    if not text.startswith(PREFIX) or not name or name != name.strip() or (equals and not file.strip()):
        raise ValueError(f"give timm:NAME or timm:NAME=FILE, not {text!r}")
    return Baseline(name=name, weights=user_path(file) if equals else None)


def _baseline_texts(value: Any) -> Any:
    """A string that holds one or several, or a sequence of such strings, as a list of one each."""
    if value is None or isinstance(value, Mapping):
        return value
    items = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    texts = [part for item in items for part in (_NEXT.split(item.strip()) if isinstance(item, str) else (item,))]
    baselines = [parse_baseline(str(text)).text for text in texts]
    repeated = next((text for place, text in enumerate(baselines) if text in baselines[:place]), None)
    if repeated:
        raise ValueError(f"{repeated} is given twice")
    return baselines


BaselineTexts = Annotated[tuple[str, ...], BeforeValidator(_baseline_texts), SEVERAL]
"""The type of a setting that names several; each is stored as text that `parse_baseline` reads."""

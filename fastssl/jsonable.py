"""JSON knows no nan: null in its place.

Covers: values as they are written to reports and ledgers. Does not cover: reading them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any


def without_nan(value: Any) -> Any:
    """`value` with None for every nan, and lists for tuples, at any depth."""
    if isinstance(value, Mapping):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and isnan(value) else value

"""How an encoder was built, as text in its file.

Covers: writing a spec as JSON; reading one that anybody may have written, every field checked before it is used. Does
not cover: the file (`encoder_file.py`), building the encoder (`encoder.py`).
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields
from math import isfinite
from typing import Any, get_args

from fastssl.config.base import FULL_RANGE
from fastssl.data.value_range import ValueRange
from fastssl.errors import CheckpointError, ConfigError

from .encoder import EncoderSpec, Stem, check_model_name

SMALLEST, LARGEST = 8, 1024
"""Sides of images, in pixels."""
MOST_CHANNELS = 64
MOST_VALUE = 1e6
"""Of a mean or a standard deviation, of images in [0, 1]."""
MOST_TEXT = 10_000
"""Characters of the text."""


def write_spec(spec: EncoderSpec) -> str:
    """Write a spec as JSON.

    Args:
        spec: of an encoder.

    Returns:
        The text.
    """
    return json.dumps(asdict(spec))


def parse_spec(text: str, origin: str) -> EncoderSpec:
    """Read the spec that `write_spec` wrote; files of 0.1 have no value range, and the full one is meant.

    Args:
        text: from a file.
        origin: the file, for the error's text.

    Returns:
        The spec.

    Raises:
        CheckpointError: a field is missing, unknown or not possible; it says which.
    """
    given = parse_object(text, origin)
    given = {"value_range": FULL_RANGE, **given}
    known = {one.name: one for one in fields(EncoderSpec)}
    wrong = [f"unknown field {name!r}" for name in given if name not in known]
    wrong += [f"no {name}" for name, one in known.items() if one.default is MISSING and name not in given]
    wrong = wrong or [f"{name}={value!r}" for name, value in given.items() if not _is_possible(name, value, given)]
    if wrong:
        raise CheckpointError(f"{origin}: not an encoder that this fastssl can build: {', '.join(wrong[:3])}")
    found = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return EncoderSpec(**found)


def parse_object(text: str, origin: str) -> dict[str, Any]:
    """Read a JSON object from a file's metadata.

    Args:
        text: from a file.
        origin: the file, for the error's text.

    Returns:
        The object.

    Raises:
        CheckpointError: it is anything else, or very long.
    """
    try:
        given = json.loads(text) if len(text) <= MOST_TEXT else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise CheckpointError(f"{origin}: damaged: what it says of its encoder is not a short JSON object")
    return given


def _is_possible(name: str, value: Any, given: dict[str, Any]) -> bool:
    if name == "name":
        return isinstance(value, str) and _is_model(value)
    if name == "in_channels":
        return type(value) is int and 1 <= value <= MOST_CHANNELS
    if name == "size":
        return type(value) is int and SMALLEST <= value <= LARGEST
    if name == "stem":
        return value in get_args(Stem)
    if name == "value_range":
        return value is None or value == FULL_RANGE or _is_range(value)
    numbers = value if isinstance(value, list) else [value]
    if isinstance(value, list) and len(value) != given["in_channels"]:
        return False
    return all(type(one) in (int, float) and abs(one) < MOST_VALUE and (name == "mean" or one > 0) for one in numbers)


def _is_model(name: str) -> bool:
    try:
        check_model_name(name)
    except ConfigError:
        return False
    return True


def _is_range(text: Any) -> bool:
    try:
        found = ValueRange.parse(text)
    except (AttributeError, TypeError, ValueError):
        return False
    return isfinite(found.low) and isfinite(found.high) and found.low < found.high

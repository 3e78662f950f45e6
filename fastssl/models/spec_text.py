"""How an encoder was built and how long it was trained, as text in its file.

Covers: writing both as JSON; reading what anybody may have written, every field checked before it is used. Does not
cover: the file (`encoder_file.py`), building the encoder (`encoder.py`).
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, fields
from math import isfinite
from typing import Any, get_args

from fastssl.config.data import FULL_RANGE
from fastssl.data.values.value_range import ValueRange
from fastssl.errors import CheckpointError, ConfigError

from .encoder import EncoderSpec, Stem, check_model_name

SMALLEST, LARGEST = 8, 1024
"""Sides of images, in pixels."""
MOST_CHANNELS = 64
MOST_VALUE = 1e6
"""Of a mean or a standard deviation, of images in [0, 1]."""
MOST_TEXT = 10_000
"""Characters of the text."""
_STEPS = ("step", "total_steps")


@dataclass(frozen=True, kw_only=True)
class TrainedSteps:
    """How long an encoder was trained.

    Args:
        step: how many steps were done when it was exported.
        total_steps: of its training.
    """

    step: int
    total_steps: int

    @property
    def finished(self) -> bool:
        """Whether its training had come to its end."""
        return self.step >= self.total_steps

    def __str__(self) -> str:
        return f"step {self.step} of {self.total_steps}"


def write_spec(spec: EncoderSpec, steps: TrainedSteps | None = None) -> str:
    """Write how an encoder was built, and how long it was trained, as JSON.

    Args:
        spec: how it was built.
        steps: how long it was trained; None: that is not known.

    Returns:
        The text.
    """
    return json.dumps({**asdict(spec), **({} if steps is None else asdict(steps))})


def parse_spec(text: str, origin: str) -> EncoderSpec:
    """Read how an encoder was built; files of 0.1 have no value range, and the full one is meant.

    Args:
        text: as `write_spec` writes it.
        origin: the file, for the error's text.

    Returns:
        The spec.

    Raises:
        CheckpointError: a field is missing, unknown or not possible; it says which.
    """
    given = {"value_range": FULL_RANGE, **_parsed(text, origin)}
    given = {name: value for name, value in given.items() if name not in _STEPS}
    known = {one.name: one for one in fields(EncoderSpec)}
    wrong = [f"unknown field {name!r}" for name in given if name not in known]
    wrong += [f"no {name}" for name, one in known.items() if one.default is MISSING and name not in given]
    wrong = wrong or [f"{name}={value!r}" for name, value in given.items() if not _is_possible(name, value, given)]
    if wrong:
        raise CheckpointError(f"{origin}: not an encoder that this fastssl can build: {', '.join(wrong[:3])}")
    found: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return EncoderSpec(**found)


def parse_steps(text: str, origin: str) -> TrainedSteps | None:
    """Read how long an encoder was trained.

    Args:
        text: as `write_spec` writes it.
        origin: the file, for the error's text.

    Returns:
        None where the text does not say.

    Raises:
        CheckpointError: it says something else than two numbers of steps.
    """
    given = {name: value for name, value in _parsed(text, origin).items() if name in _STEPS}
    if not given:
        return None
    if len(given) < len(_STEPS) or not all(type(value) is int and 0 <= value < 1 << 62 for value in given.values()):
        raise CheckpointError(f"{origin}: damaged: what it says of its training is not two numbers of steps")
    return TrainedSteps(**given)


def _parsed(text: str, origin: str) -> dict[str, Any]:
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

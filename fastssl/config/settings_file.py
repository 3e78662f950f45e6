"""Settings in a YAML file: a run's `config.yaml`, or a file given by --config.

Covers: reading the file, leaving out what has no effect. Does not cover: checking settings (`base.py`), where a run's
file lies and how it is written (`fastssl.training.stored_settings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastssl.errors import ConfigError

from .base import Config
from .plain_yaml import read_yaml
from .train import LENGTHS, TrainConfig

MOST_BYTES = 1 << 20
"""A run's own file has about 2 kB; segmentation may name some thousand images."""


def read_settings_file(path: Path, *, numbers: bool = False) -> dict[str, Any]:
    """Read a file of settings.

    Args:
        path: a YAML file in UTF-8, with or without a byte order mark.
        numbers: values that are written as numbers become such, as in a run's own file, which has text that looks like
            a number in quotes. Of a file that a user wrote they stay text, as on a command line, so that a folder may
            be called 007 or 1.50; they become numbers when they are checked.

    Returns:
        Names and values: text, true, false, null, or lists and mappings of them.

    Raises:
        ConfigError: it cannot be read, is too large, is not YAML, is not a mapping of settings, or gives a setting
            twice.
    """
    try:
        settings = read_yaml(_read_text(path), numbers=numbers)
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    except ValueError as error:
        raise ConfigError([f"{path}: {error}"]) from None
    if not isinstance(settings, dict):
        raise ConfigError([f"{path}: not a mapping of settings, such as 'lr: 0.03'"])
    return {str(name): value for name, value in settings.items()}


def effective_settings(settings: Mapping[str, Any], kind: type[Config]) -> dict[str, Any]:
    """Leave out what has no effect: lengths that a run turned into steps, null for settings of other stages.

    Args:
        settings: names and values from a file; one of 0.1 has the settings of every stage.
        kind: the class that they are settings of.

    Returns:
        Those that count.
    """
    turned_into_steps = issubclass(kind, TrainConfig) and settings.get("steps") is not None
    return {
        name: value
        for name, value in settings.items()
        if not (turned_into_steps and name in LENGTHS and name != "steps")
        and (value is not None or name in kind.model_fields)
    }


def _read_text(path: Path) -> str:
    """The text of a small file in UTF-8."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"over {MOST_BYTES >> 20} MiB, which no file of settings has")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("text in UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not a text file in UTF-8") from None

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
from .train import LENGTHS, TrainConfig


def read_settings_file(path: Path) -> dict[str, Any]:
    """Read a file of settings.

    Args:
        path: a YAML file.

    Returns:
        Names and values, as YAML has them.

    Raises:
        ConfigError: it cannot be read, is not YAML, or is not a mapping of settings.
    """
    import yaml

    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not a text file"]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not valid YAML ({' '.join(str(error).split())})"]) from None
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

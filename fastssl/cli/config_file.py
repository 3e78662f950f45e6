"""Settings from a YAML file, as options that a command line did not give.

Covers: reading the file, which of its settings count. Does not cover: checking them, which is done with the options.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from fastssl.config import Config, TrainConfig
from fastssl.errors import ConfigError


def read_settings(path: Path) -> dict[str, Any]:
    """Read a file of settings.

    Args:
        path: a YAML file, such as the config.yaml of a run or a recipe.

    Returns:
        Names and values, as YAML has them.

    Raises:
        ConfigError: it cannot be read, is not YAML, or is not a mapping of settings.
    """
    import yaml

    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"config={str(path)!r}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"config={str(path)!r}: not a text file"]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not valid YAML ({' '.join(str(error).split())})"]) from None
    if not isinstance(settings, dict):
        raise ConfigError([f"{path}: not a mapping of settings, such as 'lr: 0.03'"])
    return {str(name): value for name, value in settings.items()}


def as_options(settings: Mapping[str, Any], kind: type[Config], given: Collection[str]) -> list[str]:
    """Write the settings of a file as options, for those that a command line does not answer itself.

    Args:
        settings: names and values from a file.
        kind: the class that they are settings of.
        given: names of the settings on the command line; they and their alternatives are left out.

    Returns:
        Words such as "--lr=0.03"; null stands for a default of None, or a setting of another stage, and is left out.
    """
    settings = dict(settings)
    if issubclass(kind, TrainConfig) and settings.get("steps") is not None:
        settings = {name: value for name, value in settings.items() if name not in ("epochs", "minutes")}  # a run's own
    answered = set(given)
    for one, other in kind.alternatives:
        answered |= {one, other} if answered & {one, other} else set()
    return [
        f"--{name.replace('_', '-')}={_as_text(value)}"
        for name, value in settings.items()
        if name not in answered and not (value is None and _may_be_null(kind, name))
    ]


def _may_be_null(kind: type[Config], name: str) -> bool:
    return name not in kind.model_fields or kind.model_fields[name].default is None


def _as_text(value: Any) -> str:
    """A value as a command line has it: true, null, lists with commas, NAME=NUMBER for a mapping's items."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_as_text(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(map(_as_text, value))
    return str(value)

"""Packages that a format needs and that are not always there.

Covers: importing one, or one line that says how to install it. Does not cover: what they are used for.
"""

from __future__ import annotations

import importlib
from typing import Any

from fastssl.errors import ConfigError


def needed(module: str, format: str) -> Any:
    """Import a package.

    Args:
        module: its name, which is also the name that pip installs it by.
        format: that needs it.

    Returns:
        The module.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError([f"format: {format} needs {module}; pip install {module}"]) from None

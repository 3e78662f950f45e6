"""Settings from a YAML file, as options that a command line did not give.

Covers: which of its settings count, and how each is written. Does not cover: reading the file
(`fastssl.config.settings_file`), checking settings, which is done with the options.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from fastssl.config import Config
from fastssl.config.command_line import as_text
from fastssl.config.settings_file import effective_settings


def as_options(settings: Mapping[str, Any], kind: type[Config], given: Collection[str]) -> list[str]:
    """Write the settings of a file as options, for those that a command line does not answer itself.

    Args:
        settings: names and values from a file.
        kind: the class that they are settings of.
        given: names of the settings on the command line; they and their alternatives are left out.

    Returns:
        Words such as "--lr=0.03"; null stands for a default of None, or a setting of another stage, and is left out.
    """
    answered = set(given)
    for one, other in kind.alternatives:
        answered |= {one, other} if answered & {one, other} else set()
    return [
        f"--{name.replace('_', '-')}={as_text(value)}"
        for name, value in effective_settings(settings, kind).items()
        if name not in answered and not (value is None and kind.model_fields[name].default is None)
    ]

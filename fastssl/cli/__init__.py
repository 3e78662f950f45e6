"""The `fastssl` command, generated from the typed configuration.

Covers: the commands and their help (`commands.py`), understanding a command line (`line.py`) with settings from a file
(`config_file.py`) and old names of options (`old_names.py`), completion in shells (`completion.py`), running it
(`entry.py`). Does not cover: any work; each command makes the call that a Python user could have written.
"""

from __future__ import annotations

from .commands import CONFIGS, app
from .entry import INPUT_ERROR, INTERRUPTED, main

__all__ = ["CONFIGS", "INPUT_ERROR", "INTERRUPTED", "app", "main"]

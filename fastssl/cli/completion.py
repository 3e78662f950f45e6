"""Completion of commands and options in bash, zsh and fish.

Covers: writing the script that cyclopts makes of the app to where the shell looks for it. Does not cover: the script.
"""

from __future__ import annotations

from typing import Literal

from cyclopts import App
from cyclopts.completion.detect import ShellDetectionError, detect_shell

from fastssl.errors import ConfigError
from fastssl.paths import home_folder

Shell = Literal["bash", "zsh", "fish"]

STARTUP_FILES = {"bash": "~/.bashrc", "zsh": "~/.zshrc"}
"""Shell -> the file that gets a line which loads the script; fish finds it without one."""


def install(app: App, shell: Shell | None) -> None:
    """Write the completion script of `app`, and print where it is.

    Args:
        app: the app whose commands and options are completed.
        shell: the shell to write it for; None for the one that this is run from.

    Raises:
        ConfigError: the shell cannot be told, it is none of the three, or the home folder is not known.
    """
    try:
        home_folder()
    except ValueError as error:
        raise ConfigError([f"the home folder, which shells look in, is not known: {error}"]) from None
    found = shell or _shell_around()
    path = app.install_completion(shell=found)
    print(f"completion for {found} is in {path}")
    if found in STARTUP_FILES:
        print(f"{STARTUP_FILES[found]} loads it: start a new shell")


def _shell_around() -> Shell:
    try:
        found = detect_shell()
    except ShellDetectionError:
        raise ConfigError(["shell: cannot be told; give --shell bash, zsh or fish"]) from None
    if found == "powershell":
        raise ConfigError([f"shell={found!r}: completion is made for bash, zsh and fish; give --shell"])
    return found

"""Running one command line: exit status, errors as one line, warnings.

Covers: what a shell sees of `fastssl`. Does not cover: the commands (`commands.py`), what is wrong with a line
(`line.py`).
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console

import fastssl
from fastssl.errors import FastSSLError

from .line import Line, read_line
from .old_names import with_new_names

INPUT_ERROR = 2
INTERRUPTED = 130

BEGIN_WITH = (
    ("fastssl train", "train MoCo v2 on built-in images for 4 minutes"),
    ("fastssl probe runs/moco-demo", "score the trained encoder on frozen features"),
    ("fastssl train --stage tower --help", "show the settings of a stage"),
)
"""Three commands to begin with, and what each does."""

_WITHOUT_WORK = {"--help", "-h", "--version", "--install-completion"}


def main(arguments: Sequence[str] | None = None, *, commands: Mapping[str, Callable[..., Any]] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: its words without the program's name; None for those of this process.
        commands: functions to call in place of commands of these names, with their arguments.

    Returns:
        The exit status: 0, 2 where something the user gave cannot be used, 130 after Ctrl-C.
    """
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    if not tokens:
        _welcome()
        return 0
    tokens, warnings = with_new_names(tokens)
    for warning in warnings:
        print(f"fastssl: warning: {warning}", file=sys.stderr)
    line = read_line(tokens)
    if line.mistakes:
        return _refuse("; ".join(line.mistakes))
    if "torch" not in sys.modules and not _WITHOUT_WORK & set(tokens):
        fastssl.share_processors()  # watches the processors for a moment, which only work is worth
    try:
        _run(line, commands or {})
    except FastSSLError as error:
        return _refuse(str(error))
    except OSError as error:
        if error.errno is None:
            raise
        return _refuse(_describe(error))
    except KeyboardInterrupt:
        print("fastssl: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _run(line: Line, commands: Mapping[str, Callable[..., Any]]) -> None:
    console = Console()  # as wide as the terminal now is
    command, bound, _ = line.app.parse_args(line.tokens, console=console, exit_on_error=False, print_error=False)
    commands.get(line.tokens[0], command)(*bound.args, **bound.kwargs)


def _welcome() -> None:
    width = max(len(command) for command, _ in BEGIN_WITH)
    print(f"fastssl {fastssl.__version__}: self-supervised pre-training on medical images. To begin with:\n")
    for command, meaning in BEGIN_WITH:
        print(f"  {command:<{width}}    {meaning}")
    print("\nfastssl --help lists all commands.")


def _describe(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    advice = "; free some space, then go on with --resume" if error.errno == errno.ENOSPC else ""
    return f"{where}{error.strerror}{advice}"


def _refuse(text: str) -> int:
    print(f"fastssl: error: {text}", file=sys.stderr)
    return INPUT_ERROR

"""Running one command line: exit status, errors as one line, warnings.

Covers: what a shell sees of `fastssl`. Does not cover: the commands (`commands.py`), what is wrong with a line
(`line.py`), what is said of a command that failed (`failures.py`).
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import fastssl
from fastssl.console import new_console
from fastssl.distributed.environment import launched_rank, quieten_torch
from fastssl.stages.registry import installed_stages
from fastssl.text import printable

from .commands import OF_A_STAGE
from .failures import INPUT_ERROR, failure_of
from .line import Line, read_line
from .old_names import with_new_names

INTERRUPTED = 130
"""What shells say of a command that Ctrl-C has ended (128 + SIGINT)."""

BEGIN_WITH = (
    ("fastssl train", "train MoCo v2 on built-in images for 4 minutes"),
    ("fastssl probe runs/moco-demo", "score the trained encoder on frozen features"),
    ("fastssl train --stage tower --help", "show the settings of a stage"),
)
"""Three commands to begin with, and what each does."""

_WITHOUT_WORK = {"--help", "-h", "--version", "--install-completion"}


def main(
    arguments: Sequence[str] | None = None,
    *,
    commands: Mapping[str, Callable[..., Any]] | None = None,
    ready: Callable[[], Any] = lambda: None,
) -> int:
    """Run one command line.

    Args:
        arguments: its words without the program's name; None for those of this process.
        commands: functions to call in place of commands of these names, with their arguments.
        ready: called once everything is imported, before the command begins its work.

    Returns:
        The exit status: 0, 2 where something the user gave cannot be used, 130 after Ctrl-C and 143 after SIGTERM, also
        where training has saved everything before it stopped, 1 where memory does not suffice, 141 where nobody reads
        the output any more, 75 where another process of the run is gone, 70 after an error of fastssl itself.
    """
    _escape_what_cannot_be_encoded()
    # Of a damaged file Pillow tells on standard error; what matters of it is in our own line on that file.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        status = _main(list(sys.argv[1:] if arguments is None else arguments), commands or {}, ready)
        _flush()
    except KeyboardInterrupt:
        _tell("interrupted")
        return INTERRUPTED
    except Exception as error:  # whatever it is, the user reads one line
        failure = failure_of(error)
        if failure.text:
            _tell(f"error: {failure.text}")
        _give_up_output()
        return failure.status
    return status


def _main(tokens: list[str], commands: Mapping[str, Callable[..., Any]], ready: Callable[[], Any]) -> int:
    if not tokens:
        _welcome()
        return 0
    tokens, renamed = with_new_names(tokens)
    leads = launched_rank() == 0  # of processes that were started together one tells what is wrong with the line of all
    left_out = installed_stages().refused if tokens[0] in OF_A_STAGE else ()
    for warning in (*renamed, *left_out) if leads else ():
        _tell(f"warning: {warning}")
    line = read_line(tokens)
    if line.mistakes:
        if leads:
            _tell(f"error: {'; '.join(line.mistakes)}")
        return INPUT_ERROR
    if not _WITHOUT_WORK & set(tokens):
        if "torch" not in sys.modules:
            fastssl.share_processors()  # watches the processors for a moment, which only work is worth
            quieten_torch()
        getattr(fastssl, line.tokens[0], None)  # imports what the command needs
    ready()
    stopped_by = getattr(_run(line, commands), "stopped_by", None)
    return 0 if stopped_by is None else 128 + signal.Signals[stopped_by]


def _run(line: Line, commands: Mapping[str, Callable[..., Any]]) -> object:
    """What the command returns."""
    console = new_console()  # as wide as the terminal now is
    command, bound, _ = line.app.parse_args(line.tokens, console=console, exit_on_error=False, print_error=False)
    return commands.get(line.tokens[0], command)(*bound.args, **bound.kwargs)


def _welcome() -> None:
    width = max(len(command) for command, _ in BEGIN_WITH)
    print(f"fastssl {fastssl.__version__}: self-supervised pre-training on medical images. To begin with:\n")
    for command, meaning in BEGIN_WITH:
        print(f"  {command:<{width}}    {meaning}")
    print("\nfastssl --help lists all commands.")


def _tell(text: str) -> None:
    rank = launched_rank()
    who = f"rank {rank}: " if rank else ""
    with suppress(OSError, AttributeError):  # standard error may be closed, and then it is None
        sys.stderr.write(f"fastssl: {who}{printable(text)}\n")
        sys.stderr.flush()


def _escape_what_cannot_be_encoded() -> None:
    """Let output in ASCII or Latin-1 show letters that it lacks as escapes, where printing them would fail."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # nothing, where a stream is closed or belongs to a caller from Python
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Write what is still to be written, while a failure to do so can be told."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _give_up_output() -> None:
    """Where standard output can no longer be written, keep the interpreter from complaining of it when it ends."""
    try:
        _flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

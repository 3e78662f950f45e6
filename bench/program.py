"""How the programs of bench end.

Covers: the exit status, also where nobody reads the output any more (`python -m bench.reproduce.run --list | head`).
Does not cover: what they do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

BROKEN_PIPE = 141
"""What shells say of a program that SIGPIPE has ended (128 + 13)."""


def leave(main: Callable[[], int]) -> NoReturn:
    """Run a program and end the process with its exit status.

    Args:
        main: the program.
    """
    try:
        try:
            status = main()
        finally:  # argparse leaves by itself after --help
            sys.stdout.flush()
    except BrokenPipeError:
        # What is still to be written, as Python ends, goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = BROKEN_PIPE
    sys.exit(status)

"""`python -m fastssl`, and the command `fastssl`: a command line, from the very beginning.

Covers: Ctrl-C while a command is still being imported, which takes seconds and in which nothing has been begun.
Does not cover: anything else (`fastssl.cli`). Nothing large is imported here before Ctrl-C is seen to.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Run the command line of this process.

    Returns:
        The exit status, as of `fastssl.cli.main`.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # a shell lets commands in the background ignore it
        signal.signal(signal.SIGINT, _leave)
    from fastssl.cli import main as run

    return run(ready=lambda: signal.signal(signal.SIGINT, before))


def _leave(number: int, frame: object) -> None:
    """End at once: an exception in the middle of an import may be swallowed, or come out as another one."""
    os.write(2, b"fastssl: interrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())

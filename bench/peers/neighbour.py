"""Busy neighbours: processes that take their share of every core, as other tenants of a machine do.

Covers: starting them, and that they end with the block or, should it be killed, with this process.
Does not cover: neighbours that also want memory bandwidth, or cores of their own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# The thread waits for the end of standard input: its other end is held by the process that started this one, and by
# no other, so it comes when that process ends, however it ends.
_SPIN = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print("spinning", flush=True)
while True:
    pass
"""


@contextmanager
def busy_neighbours(count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """While the block runs, `count` processes spin in Python, pinned nowhere; yields them once all of them spin."""
    with ExitStack() as stack:
        yield [stack.enter_context(_spinning()) for _ in range(count)]


@contextmanager
def _spinning() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", "-c", _SPIN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "spinning"
            yield process
        finally:
            process.kill()

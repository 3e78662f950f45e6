"""Signals that ask a run to stop.

Covers: SIGTERM and Ctrl-C as a request that the loop looks at between steps. Does not cover: the loop (`engine.py`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(kw_only=True)
class StopRequest:
    """Whether a run was asked to stop.

    Args:
        number: of the signal that asked, this process or one that trains with it; 0: nobody did.
    """

    number: int = 0

    @property
    def signal(self) -> str | None:
        """The name of that signal, such as "SIGTERM"; None: nobody asked."""
        return signal.Signals(self.number).name if self.number else None


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Turn SIGTERM and the first SIGINT inside the block into a request; a second SIGINT interrupts at once.

    Outside the main thread, which alone may handle signals, nothing is changed. A signal that the process ignores, as
    Ctrl-C in a job that a script put into the background, stays ignored.

    Yields:
        The request, which a signal fills in.

    Raises:
        KeyboardInterrupt: a SIGINT came after a request.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def handle(number: int, _frame: object) -> None:
        if request.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.number = number

    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    # None: a handler in C of a program around this one, which Python could not put back.
    previous = {number: known for number, known in previous.items() if known not in (signal.SIG_IGN, None)}
    for number in previous:
        signal.signal(number, handle)
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

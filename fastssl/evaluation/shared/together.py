"""An evaluation by several processes: who speaks and writes, how long the others are waited for.

Covers: meeting, the console of each process, leaving together. Does not cover: what is divided among them: the images
whose features are extracted (`extraction.py`), trials (`trials.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from fastssl.console import new_console, silent_console
from fastssl.distributed.join import joined
from fastssl.distributed.leader import everyone_here

PATIENCE = 60.0
"""Seconds without a sign of life after which another process is taken to be gone."""


@contextmanager
def together(device: str, console: Console | None) -> Iterator[Console]:
    """Evaluate with the processes that were started together with this one; nothing of it where there are none.

    Args:
        device: that is asked for.
        console: of the caller; None: standard output.

    Yields:
        The console; a silent one in all processes but that of rank 0, which alone writes reports.

    Raises:
        LostPeerError: another process is gone.
    """
    with joined(device, PATIENCE) as here:
        yield (console or new_console()) if here.leads else silent_console()
        everyone_here()

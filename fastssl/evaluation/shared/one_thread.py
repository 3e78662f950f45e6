"""Small work of torch on one core.

Covers: keeping torch from sharing it among cores, and setting that back. Does not cover: how many threads a run has
(`fastssl.threads`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch run on one core.

    Matrices of some hundred rows gain nothing from a second core, and wait for it where it is busy (few-shot grid, one
    encoder, 4 classes: 43 and 42 ms on two idle cores, 47 and 200 next to other work).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

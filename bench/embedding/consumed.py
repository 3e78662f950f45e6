"""Batches as a training takes them: one after the other, epoch after epoch, on its device.

A call takes an epoch of them: of its batches two of ours and four of a DataLoader's were made while another variant
had its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, islice, repeat
from typing import Any

from bench.embedding.test_plain_loop import BATCH, IMAGES, SIZE


def consumed(loader: Iterable[Any], device: str) -> Callable[[], None]:
    """A call that takes an epoch's batches of "query" and "key", `[B, 1, S, S]` each."""
    batches = chain.from_iterable(repeat(loader))

    def call() -> None:
        for batch in islice(batches, IMAGES // BATCH):
            assert batch["query"].to(device).shape == batch["key"].to(device).shape == (BATCH, 1, SIZE, SIZE)

    return call

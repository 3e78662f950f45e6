"""Batches as a training takes them: one after the other, epoch after epoch, on its device."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, repeat
from typing import Any

from bench.embedding.test_plain_loop import BATCH, SIZE


def consumed(loader: Iterable[Any], device: str) -> Callable[[], None]:
    """A call that takes the next batch of "query" and "key", `[B, 1, S, S]` each."""
    batches = chain.from_iterable(repeat(loader))

    def call() -> None:
        batch = next(batches)
        assert batch["query"].to(device).shape == batch["key"].to(device).shape == (BATCH, 1, SIZE, SIZE)

    return call

"""MoCo's two crops of a library's data set, as that library makes them, and by a source of ours and our loader.

Covers: an epoch as it is consumed, batch after batch, epoch after epoch, on the device. Of a call's batches two of ours
and four of a DataLoader's were made while the other variant had its turn. Does not cover: what each library's way is
(`test_monai.py`, `test_huggingface.py`), turning a data set into a source, which is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import chain, islice, repeat
from typing import Any

from bench.embedding.test_plain_loop import BATCH, IMAGES, SIZE
from bench.harness import Amount, Comparison, NotInstalled, best_device, peer
from fastssl.data import Source
from fastssl.pipelines import Loader, TwoCrops


def compare_two_crops(
    compare: Comparison, device: str, whose: str, source: Source, way: str, package: str, theirs: Callable[[], Iterable]
) -> None:
    """Compare our loader over a source with a library's own way.

    Args:
        compare: measures.
        device: where batches go.
        whose: data set it is.
        source: made of it.
        way: the name of the library's.
        package: without which there is none.
        theirs: makes a loader of batches of "query" and "key", `[B, 1, S, S]` each.
    """
    with ExitStack() as closing:
        loader = Loader(source.splits["train"].images, TwoCrops(SIZE, 1), batch_size=BATCH, device=device)
        variants: dict[str, Callable[[], object] | NotInstalled] = {
            "fastssl source and loader": _consumed(closing.enter_context(loader), device),
            way: peer(package, lambda: _consumed(theirs(), device)),
        }
        problem = f"two crops of a {whose}, {SIZE} px, an epoch in batches of {BATCH}"
        compare(problem, variants, amount=Amount(IMAGES, "images"), device=best_device(), warm_up=1, wall=True)


def _consumed(loader: Iterable[Any], device: str) -> Callable[[], None]:
    """A call that takes an epoch's batches."""
    batches = chain.from_iterable(repeat(loader))

    def call() -> None:
        for batch in islice(batches, IMAGES // BATCH):
            assert batch["query"].to(device).shape == batch["key"].to(device).shape == (BATCH, 1, SIZE, SIZE)

    return call

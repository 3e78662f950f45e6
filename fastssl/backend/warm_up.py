"""The images that a stage looks at before its first step, as MoCo does to fill its queue.

Covers: which batches they are, in any trainer. Does not cover: what a stage does with them (`Stage.warm_up`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from fastssl.pipelines import Loader
from fastssl.stages.stage import Batch


def warm_up_batches(batches: Iterable[Any], images: int) -> Iterator[Batch]:
    """Yield batches for `Stage.warm_up`; a `Loader` stays where it is.

    Of a loader they are the last of its first epoch: in an epoch's first steps MoCo's queue must not hold the very keys
    that come as positives. Of anything else they are the first.

    Args:
        batches: what training iterates over.
        images: how many the stage wants to see, on all processes together; at most an epoch of them is yielded.

    Yields:
        The batches.
    """
    if images <= 0:
        return
    if isinstance(batches, Loader):
        state = batches.state_dict()
        wanted = min(-(-images // state["global_batch"]), len(batches))
        with copy.copy(batches) as same:
            same.load_state_dict({**state, "epoch": 0, "iteration": len(batches) - wanted})
            yield from islice(same, wanted)
        return
    seen = 0
    for batch in batches:
        yield batch
        seen += len(next(iter(batch.values())))
        if seen >= images:
            return

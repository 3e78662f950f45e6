"""Read epochs of a folder of shards in a process of its own, and say how much more memory was resident at most.

Run as `python read_windows.py FOLDER`. Prints MiB above what was resident before the loader was made, mapped pages
included, as Linux counts it.
"""

from __future__ import annotations

import resource
import sys

from fastssl.data import open_source
from fastssl.pipelines import Loader, Plain
from fastssl.pipelines import streamed as sizes

KIB = 1 << 10


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB


if __name__ == "__main__":
    sizes.WINDOW_BYTES = 8 << 20
    images = open_source(sys.argv[1]).splits["train"].images
    view = Plain(images.shape[1], 1)
    with Loader(images[:512], view, batch_size=256, prefetch=0) as small:  # torch's own memory for batches
        list(small)
    before = peak()
    with Loader(images, view, batch_size=256, prefetch=0) as loader:
        assert loader.shuffle_window is not None
        seen = sum(len(batch["index"]) for batch in loader)
    print(seen, round(peak() - before, 1))

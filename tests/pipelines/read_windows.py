"""Read epochs of a folder of shards in a process of its own, and say how much more memory was resident at most.

Run as `python read_windows.py FOLDER`. Prints MiB above what was resident before the loader was made, mapped pages
included, as Linux counts it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fastssl.data import open_source
from fastssl.pipelines import Loader, Plain
from fastssl.pipelines import streamed as sizes


def peak() -> float:
    """MiB; not getrusage's, which begin with those of the process that started this one."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


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

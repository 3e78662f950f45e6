"""What an encoder is worth while it is trained, at a stated share of the time.

Covers: which images are watched (`images.py`), what is measured on them (`look.py`), when (`budget.py`), the best
encoder so far (`best.py`), all of it for one run (`monitor.py`). Does not cover: the loop, which calls it between steps
and knows no more of it; the measures themselves (`fastssl.embeddings`).

Nothing here changes a run: the encoder is run in eval mode without gradients, images come from a loader of their own,
random numbers from its counters, and every part of the network is put back as it was.
"""

from __future__ import annotations

from .best import Best
from .images import Kind, kind_of_monitor
from .look import Look
from .monitor import Monitor, Watched

__all__ = ["Best", "Kind", "Look", "Monitor", "Watched", "kind_of_monitor"]

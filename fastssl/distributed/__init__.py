"""Several processes that train one model: who is there, what they exchange, how they begin and end together.

Covers: this process's place among the others (`world.py`, `environment.py`), tensors exchanged in a step
(`collectives.py`), beginning and leaving (`join.py`), decisions taken together (`agreement.py`, `leader.py`), noticing
that one is gone (`watch.py`), starting them on one machine (`launch.py`). Does not cover: averaging gradients, which is
PyTorch's DistributedDataParallel (`fastssl.training.data_parallel`).
"""

from __future__ import annotations

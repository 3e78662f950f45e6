"""One way of measuring for every benchmark of the project, on pytest-benchmark.

Covers: what a benchmark file needs: the fixture's types, the device, the work that a floor is reckoned from.
Does not cover: the fixtures and options themselves (`bench/conftest.py`), what is measured.
"""

from __future__ import annotations

from bench.harness.ceilings import Work
from bench.harness.comparison import Amount, Comparison, NotInstalled, peer
from bench.harness.machine import best_device

__all__ = ["Amount", "Comparison", "NotInstalled", "Work", "best_device", "peer"]

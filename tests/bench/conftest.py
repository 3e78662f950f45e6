"""Tests of the benchmarks import `bench` from the repository root; last, so that the `fastssl` installed stays it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))

"""Peers import each other as the scripts they are run by find them: from their own folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "bench" / "peers"))

"""One run of lightly's MoCo v2, as a plain script: nothing is set before torch is loaded.

Covers: `run_lightly.py JSON`, the fields of `starting.Order`; prints one line of JSON. Does not cover: the training
(`lightly_moco.py`).
"""

from __future__ import annotations

from lightly_moco import Training
from timed_steps import report

if __name__ == "__main__":
    report(Training)

"""One run of MoCo v2 in plain PyTorch, as a plain script: nothing is set before torch is loaded.

Covers: `run_plain.py JSON`, the fields of `starting.Order`; prints one line of JSON. Does not cover: the training
(`plain_moco.py`).
"""

from __future__ import annotations

from plain_moco import Training
from timed_steps import report

if __name__ == "__main__":
    report(Training)

"""`make soak`, `python -m tests.soak [--minutes M] [--loaders N]`: what grows in long use.

Covers: loaders that are made, used and closed over and over; a training that goes on and on. Does not cover: GPUs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .long_use import Growth, rebuild_loaders, train_for


def main() -> int:
    """Print how memory, handles, threads and throughput moved; 1 where one of them drifted."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Look for what grows in long use.")
    parser.add_argument("--minutes", type=float, default=30, help="of training (default: 30)")
    parser.add_argument("--loaders", type=int, default=1000, help="that are made and closed (default: 1000)")
    options = parser.parse_args()
    found: list[tuple[str, Growth]] = [("loaders, torch", rebuild_loaders(options.loaders, "torch"))]
    found.append(("loaders, dali", rebuild_loaders(max(20, options.loaders // 10), "dali")))
    with tempfile.TemporaryDirectory(prefix="fastssl-soak-") as root:
        found.append(("training", train_for(60 * options.minutes, Path(root))))
    print(f"{'':<16} {'memory':>22} {'handles':>10} {'threads':>10} {'images/s':>18}")
    for name, growth in found:
        print(f"{name:<16} {growth}")
    return 1 if any(growth.drifted for _, growth in found) else 0


if __name__ == "__main__":
    sys.exit(main())

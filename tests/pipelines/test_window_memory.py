"""Resident memory of reading far more images than are held at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastssl.data.shards import write_shards

COUNT, SIDE = 200_000, 24
PROCESS = Path(__file__).with_name("read_windows.py")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc says how much is resident")
def test_an_epoch_of_115_mb_adds_about_two_windows_of_8_mib(tmp_path: Path) -> None:
    image = np.zeros((SIDE, SIDE), np.uint8)
    folder = write_shards(tmp_path / "set", (image for _ in range(COUNT)), shard_bytes=16 << 20)
    done = subprocess.run([sys.executable, str(PROCESS), str(folder)], capture_output=True, text=True, check=True)
    seen, added = done.stdout.split()
    assert int(seen) == COUNT // 256 * 256
    assert float(added) < 45  # the data are 110 MiB

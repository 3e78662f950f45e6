"""The host's memory: free by the system, or by a container's limit where that is less; of this process."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.memory import free_memory, installed_memory, peak_memory, reset_peak, resident_memory


def write(root, **files):
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_the_system_says_what_is_available(tmp_path):
    write(tmp_path, proc__meminfo="MemTotal: 900 kB\nMemFree: 10 kB\nMemAvailable: 300 kB\n")
    assert free_memory(tmp_path) == 300 * 1024


def test_a_containers_limit_counts_where_it_leaves_less(tmp_path):
    write(tmp_path, proc__meminfo="MemAvailable: 300 kB\n")
    own = tmp_path / "sys/fs/cgroup"
    own.mkdir(parents=True)
    (own / "memory.max").write_text("100000\n")
    (own / "memory.current").write_text("40000\n")
    (own / "memory.stat").write_text("anon 5\ninactive_file 1000\n")
    assert free_memory(tmp_path) == 61000
    (own / "memory.max").write_text("max\n")
    assert free_memory(tmp_path) == 300 * 1024


def test_limits_of_the_first_version_are_read(tmp_path):
    own = tmp_path / "sys/fs/cgroup/memory"
    own.mkdir(parents=True)
    (own / "memory.limit_in_bytes").write_text("5000")
    (own / "memory.usage_in_bytes").write_text("2000")
    (own / "memory.stat").write_text("cache 7")
    assert free_memory(tmp_path) == 3000


def test_where_nothing_is_said_it_is_what_is_installed(tmp_path):
    assert (free_memory(tmp_path) or 1) > 0
    assert (free_memory() or 1) > 0


def test_the_installed_memory_is_what_the_system_has(tmp_path):
    write(tmp_path, proc__meminfo="MemTotal: 900 kB\nMemAvailable: 300 kB\n")
    assert installed_memory(tmp_path) == 900 * 1024
    assert installed_memory() >= free_memory()


def test_the_peak_of_a_process_is_that_of_what_it_held_at_once():
    megabytes = 64
    if not reset_peak() or (before := resident_memory()) is None:
        pytest.skip("this system does not let a peak be counted anew")
    held = np.ones(megabytes << 20, np.uint8)
    del held
    above = peak_memory() - before
    assert megabytes << 20 <= above + (4 << 20)
    assert above <= (megabytes + 16) << 20
    assert reset_peak()
    assert peak_memory() < before + (16 << 20)

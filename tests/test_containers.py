"""What control groups allow: of the own group and those around it, by both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastssl.containers import memory_limits, processor_quota


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_the_limits_of_a_job_and_of_what_is_around_it_are_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/slurm/job_7/step_0\n",
            "sys/fs/cgroup/slurm/job_7/step_0/memory.max": "max\n",
            "sys/fs/cgroup/slurm/job_7/step_0/memory.current": "10\n",
            "sys/fs/cgroup/slurm/job_7/memory.max": "5000\n",
            "sys/fs/cgroup/slurm/job_7/memory.current": "2000\n",
            "sys/fs/cgroup/slurm/job_7/memory.stat": "anon 5\ninactive_file 100\n",
            "sys/fs/cgroup/slurm/job_7/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/slurm/cpu.max": "max 100000\n",
        },
    )
    (limit,) = memory_limits(tmp_path)
    assert (limit.limit, limit.free) == (5000, 3100)
    assert processor_quota(tmp_path) == 4.0


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"sys/fs/cgroup/cpu.max": "damaged\n", "proc/self/cgroup": "damaged\n0::/../../x\n"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_a_quota_is_read_by_both_versions_of_control_groups(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    write(tmp_path, files)
    assert processor_quota(tmp_path) == quota


def test_the_largest_number_of_version_1_is_no_limit(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/memory/memory"
    write(tmp_path, {f"{folder}.limit_in_bytes": f"{(1 << 63) - 4096}\n", f"{folder}.usage_in_bytes": "5\n"})
    assert memory_limits(tmp_path) == []


def test_a_path_as_seen_from_outside_a_container_leads_to_the_root(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/docker/abc\n", "sys/fs/cgroup/memory.max": "9\n"}
    write(tmp_path, files | {"sys/fs/cgroup/memory.current": "4\n"})
    assert [limit.free for limit in memory_limits(tmp_path)] == [5]

"""`pytest bench` as its user runs it: what is shown, what is kept, and that nobody's machine is named.

Covers: one short benchmark in a process of its own. Does not cover: the other benchmarks, which CI runs once each.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARK = "bench/step/test_host_before_step.py"


def run_pytest(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", BENCHMARK, "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    # Of a worker of xdist it would be told to measure nothing.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("session")
    kept = [f"--benchmark-json={folder}/theirs.json", f"--record-to={folder}/ours.json"]
    saved = ["--benchmark-autosave", f"--benchmark-storage={folder}/storage"]
    return run_pytest("--benchmark-min-rounds=3", *kept, *saved), folder


def test_it_shows_progress_and_one_table(session: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    finished, _ = session
    assert finished.returncode == 0, finished.stderr
    progress = [line for line in finished.stdout.splitlines() if line.startswith("[1/1 0:")]
    assert len(progress) == 1
    assert "step: before_step of resnet50" in progress[0]
    assert finished.stdout.count("before_step of resnet50, without its kernel\n") == 1
    assert "GFLOP/s" in finished.stdout
    assert "1 more with --full" in finished.stdout
    assert "Name (time in" not in finished.stdout  # pytest-benchmark's own table


def test_it_keeps_pytest_benchmarks_form_and_names_no_machine(
    session: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, folder = session
    (saved,) = (folder / "storage").rglob("*.json")
    for path in (folder / "theirs.json", folder / "ours.json", saved):
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
        (bench,) = found["benchmarks"]
        assert bench["group"] == "step: before_step of resnet50, without its kernel"
        assert bench["extra_info"]["role"] == "ours"
        assert bench["stats"]["rounds"] >= 3
        assert found["machine_info"]["processor"]["name"]
        assert {ceiling["copy"] > 0 for ceiling in found["ceilings"]} == {True}
        assert f'"{platform.node()}"' not in text
    assert len(json.loads((folder / "ours.json").read_text())["benchmarks"][0]["stats"]["data"]) >= 3


@pytest.mark.slow
def test_a_run_is_compared_with_the_one_before(session: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, folder = session
    finished = run_pytest("--benchmark-min-rounds=3", f"--benchmark-storage={folder}/storage", "--benchmark-compare")
    assert finished.returncode == 0, finished.stderr
    assert "Name (time in" in finished.stdout
    assert "NOW" in finished.stdout

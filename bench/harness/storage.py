"""Figures as JSON, in pytest-benchmark's own form, so that its commands read them too.

Covers: one file for each benchmark file, or one for all. Does not cover: --benchmark-json and --benchmark-save, which
pytest-benchmark writes itself.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

DIGITS = 6


def save_together(config: pytest.Config, path: Path) -> None:
    """Everything measured so far in one file."""
    _write(config, config._benchmarksession.benchmarks, path)  # type: ignore[attr-defined]


def save_by_file(config: pytest.Config, folder: Path) -> list[Path]:
    """The figures of each benchmark file in a file of its own, named after it: `kernels_info_nce.json`."""
    by_name: dict[str, list[Any]] = defaultdict(list)
    for bench in config._benchmarksession.benchmarks:  # type: ignore[attr-defined]
        path = Path(bench.fullname.partition("::")[0])
        by_name[f"{path.parent.name}_{path.stem.removeprefix('test_')}"].append(bench)
    paths = [folder / f"{name}.json" for name in by_name]
    for path, benches in zip(paths, by_name.values(), strict=True):
        _write(config, benches, path)
    return paths


def _write(config: pytest.Config, benches: list[Any], path: Path) -> None:
    hook = config.hook
    machine_info = hook.pytest_benchmark_generate_machine_info(config=config)
    commit_info = hook.pytest_benchmark_generate_commit_info(config=config)
    hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit_info)
    output = hook.pytest_benchmark_generate_json(
        config=config, benchmarks=benches, include_data=True, machine_info=machine_info, commit_info=commit_info
    )
    hook.pytest_benchmark_update_json(config=config, benchmarks=benches, output_json=output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(output), indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Floats to six digits: no clock has more, and a diff stays readable."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value

"""The kernels compiled ahead of time, without a GPU: no spills, tensor cores, registers and shared memory in budget.

Covers: `python -m fastssl.kernels.aot`, in a process of its own because interpreted kernels cannot be compiled; that
the judge finds what it is for. Does not cover: numbers (test_*_kernel.py) or speed (bench/kernels).
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("triton")
budget = pytest.importorskip("fastssl.kernels.aot.budget")
from fastssl.kernels.aot.compile import Compiled  # noqa: E402  (both need Triton)
from fastssl.kernels.aot.variants import ARCHITECTURES, every_variant, gate_variants  # noqa: E402

TENSOR_CORES = {80: "mma.sync", 90: "wgmma.mma_async", 100: "tcgen05.mma"}


def run(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "fastssl.kernels.aot", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_pass_over_the_queue_keeps_its_budget_on_every_architecture_and_dtype():
    finished = run("--gate")
    lines = finished.stdout.splitlines()
    assert finished.returncode == 0, finished.stdout + finished.stderr
    for architecture in ARCHITECTURES:
        for dtype in ("bf16", "fp16", "fp32"):
            kinds = [line for line in lines if line.startswith(f"sm_{architecture} info_nce partial {dtype}")]
            assert len(kinds) == (3 if dtype == "bf16" else 2), "with and without gradient, and without own keys"
            assert all(TENSOR_CORES[architecture] in line and line.endswith("ok") for line in kinds)


@pytest.mark.slow
def test_every_kernel_keeps_its_budget():
    finished = run()
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8"])
def test_every_variant_has_a_budget_for_each_triton_and_every_budget_a_variant(version):
    names = [budget.key(variant) for variant in every_variant()]
    section = budget.sections()[version]
    assert len(names) == len(set(names))
    assert set(names) == set(section["variants"])
    assert section["compiled_with"].startswith(f"triton {version}.")
    assert {budget.key(variant) for variant in gate_variants()} <= set(names)


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8"])
def test_no_budget_lets_what_multiplies_on_tensor_cores_spill(version):
    entries = budget.sections()[version]["variants"]
    assert all(entries[budget.key(v)]["spill"] == 0 for v in every_variant() if v.tensor_cores)
    assert max(entry["spill"] for entry in entries.values()) <= 64


def test_a_section_is_rewritten_alone_and_a_newer_triton_takes_the_newest(monkeypatch, tmp_path):
    shutil.copy(budget.FILE, tmp_path / "budget.json")
    monkeypatch.setattr(budget, "FILE", tmp_path / "budget.json")
    before = budget.sections()
    monkeypatch.setattr(budget.triton, "__version__", "3.7.9")
    assert budget.load() == before["3.7"]["variants"]
    budget.save({"one": budget.entry(Compiled(1, 2, 0, "", 3))})
    assert budget.sections() == before | {
        "3.7": {"compiled_with": "triton 3.7.9", "variants": budget.load()},
    }
    assert list(budget.load()) == ["one"]
    monkeypatch.setattr(budget.triton, "__version__", "3.10.0")
    assert budget.load() == before["3.8"]["variants"]


def test_the_judge_names_each_way_to_fail():
    variant = next(gate_variants())
    name = budget.key(variant)
    good = Compiled(registers=128, shared=65536, spill=0, tensor_cores="mma.sync", widest_loads=8)
    allowed = {name: budget.entry(good)}
    assert budget.problems(variant, good, allowed) == []
    for change, words in (
        ({"spill": 8}, "spills 8 bytes"),
        ({"tensor_cores": ""}, "without tensor cores"),
        ({"registers": 200}, "uses 200 registers"),
        ({"registers": 257}, "register file"),
        ({"shared": 65540}, "uses 65540 shared"),
        ({"shared": 300_000}, "more than a program gets"),
    ):
        assert words in "; ".join(budget.problems(variant, dataclasses.replace(good, **change), allowed))
    assert "has no budget" in budget.problems(variant, good, {})[0]
    assert "3 programs do not fit the shared memory" in budget.problems(variant._replace(resident=3), good, allowed)

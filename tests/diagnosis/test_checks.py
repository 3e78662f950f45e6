"""Findings: each check fires on the facts that it is about, and on a sound machine none does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fastssl.diagnosis import checks
from fastssl.diagnosis.checks import CHECKS, find_all
from fastssl.diagnosis.facts import Facts, Gpu, Graphics, HostMemory, Package, Place, Processor, Switch, Threads

SOUND = Facts(
    system="Linux",
    python="3.11.7",
    fastssl="0.1.0",
    processor=Processor(name="a processor", instructions=("avx2", "avx512_bf16"), allowed=8),
    memory=HostMemory(installed=64 * 10**9, free=50 * 10**9, swapped=10**6, shared=10**9),
    packages=(
        Package(name="torch", version="2.11.0", least="2.11"),
        Package(name="nvidia-dali-cuda130", version="2.4.0", least="2.4", needed=False),
        Package(name="tensorboard", version=None, needed=False, brings="event files"),
    ),
    graphics=Graphics(
        gpus=(Gpu(name="a GPU", capability="9.0", memory=80 * 10**9),), driver="580.1", cuda="13.0", visible="0"
    ),
    threads=Threads(count=8, reason="one for each"),
    switches=(Switch(name="compile", value="on", reason="fuses"),),
    compiler=Switch(name="compiler", value="g++", reason="Python's headers are there; not tried"),
    places=(Place(name="runs (here)", path="~/work", free=10**11, writable=True),),
)

NO_GPU = replace(SOUND, graphics=Graphics(), switches=())


def dali(version: str | None, problem: str = "") -> tuple[Package, ...]:
    own = replace(SOUND.packages[1], version=version, problem=problem)
    return (SOUND.packages[0], own)


def torch(version: str | None, problem: str = "") -> tuple[Package, ...]:
    return (replace(SOUND.packages[0], version=version, problem=problem),)


def without_gpu(**graphics: Any) -> Facts:
    return replace(SOUND, graphics=Graphics(**graphics))


def compiler(value: str, reason: str) -> Switch:
    return Switch(name="compiler", value=value, reason=reason)


FIRES: list[tuple[Callable[[Facts], Any], Facts, str, str]] = [
    (
        checks.packages_that_fail,
        replace(SOUND, packages=torch("2.11.0", "OSError: libcudart.so.13: cannot open")),
        "problem",
        "torch 2.11.0 cannot be imported (OSError: libcudart.so.13: cannot open): pip install --force-reinstall torch",
    ),
    (checks.packages_that_fail, replace(SOUND, packages=dali("2.4.0", "ImportError")), "hint", "ImportError"),
    (
        checks.packages_that_are_missing,
        replace(SOUND, packages=torch(None)),
        "problem",
        "torch is not installed: pip install 'torch>=2.11'",
    ),
    (
        checks.packages_that_are_old,
        replace(SOUND, packages=torch("2.9.1+cu130")),
        "problem",
        "torch 2.9.1+cu130 is older than 2.11: pip install 'torch>=2.11'",
    ),
    (
        checks.graphics_that_are_not_used,
        without_gpu(driver="580.1", cuda=None),
        "problem",
        "this PyTorch is built without CUDA, and NVIDIA's driver 580.1 is there: install PyTorch with CUDA",
    ),
    (
        checks.graphics_that_are_not_used,
        without_gpu(driver="580.1", cuda="13.0", visible=""),
        "hint",
        "the GPU is hidden by CUDA_VISIBLE_DEVICES='': unset it to use the GPU",
    ),
    (
        checks.graphics_that_are_not_used,
        without_gpu(driver="450.1", cuda="13.0"),
        "problem",
        "PyTorch for CUDA 13.0 finds none through NVIDIA's driver 450.1: update the driver",
    ),
    (
        checks.graphics_that_are_old,
        without_gpu(gpus=(Gpu(name="Tesla V100", capability="7.0", memory=16),), driver="580.1", cuda="13.0"),
        "hint",
        "Tesla V100 has compute capability 7.0",
    ),
    (checks.dali_is_missing, replace(SOUND, packages=dali(None)), "hint", "NVIDIA DALI is not installed"),
    (
        checks.no_compiler,
        replace(SOUND, compiler=compiler("none", "Python's headers are there; not tried")),
        "problem",
        "torch.compile finds no C++ compiler: install g++ and python3-dev, or give --no-compile",
    ),
    (
        checks.no_compiler,
        replace(NO_GPU, compiler=compiler("g++", "headers; compile=True: torch.compile fails here (omp.h)")),
        "hint",
        "compile=True: torch.compile fails here (omp.h)",
    ),
    (
        checks.threads_are_few,
        replace(NO_GPU, threads=Threads(count=1, reason=""), variables={"OMP_NUM_THREADS": "1"}),
        "hint",
        "OMP_NUM_THREADS=1 holds PyTorch to 1 of 8 processors: unset it",
    ),
    (
        checks.threads_are_many,
        replace(SOUND, processor=replace(SOUND.processor, quota=2.5)),
        "problem",
        "8 threads share 2.5 processors, which is all that the container allows: set OMP_NUM_THREADS=2",
    ),
    (
        checks.instructions_are_held_back,
        replace(SOUND, variables={"ONEDNN_MAX_CPU_ISA": "avx2"}),
        "hint",
        "ONEDNN_MAX_CPU_ISA=avx2 keeps this processor from multiplying bf16: unset it",
    ),
    (
        checks.memory_is_swapped,
        replace(SOUND, memory=replace(SOUND.memory, swapped=3 * 10**9)),
        "hint",
        "3.0 GB of memory are swapped to a disk",
    ),
    (
        checks.memory_is_scarce,
        replace(SOUND, memory=replace(SOUND.memory, free=10**9)),
        "problem",
        "only 1.0 GB of memory are free",
    ),
    (
        checks.shared_memory_is_small,
        replace(SOUND, memory=replace(SOUND.memory, shared=64 << 20)),
        "hint",
        "/dev/shm has 67 MB",
    ),
    (
        checks.places_without_permission,
        replace(SOUND, places=(Place(name="decoded images", path="/x", free=10**12, writable=False),)),
        "problem",
        "decoded images: no permission to write in /x: set FASTSSL_CACHE to a folder of your own",
    ),
    (
        checks.disks_that_are_full,
        replace(SOUND, places=(replace(SOUND.places[0], free=3 * 10**8),)),
        "problem",
        "runs (here): 300 MB are free in ~/work: free some space",
    ),
    (
        checks.triton_is_interpreted,
        replace(SOUND, variables={"TRITON_INTERPRET": "1"}),
        "problem",
        "TRITON_INTERPRET=1 runs kernels in Python: unset it",
    ),
]


@pytest.mark.parametrize(("check", "facts", "kind", "text"), FIRES)
def test_a_check_fires_on_what_it_is_about(check: Any, facts: Facts, kind: str, text: str) -> None:
    (finding,) = check(facts)
    assert finding.kind == kind
    assert text in finding.text
    assert "\n" not in finding.text
    assert finding in find_all(facts)


@pytest.mark.parametrize("facts", [SOUND, NO_GPU, Facts(system="", python="", fastssl="")], ids=["GPU", "CPU", "bare"])
def test_on_a_sound_machine_nothing_is_found(facts: Facts) -> None:
    assert find_all(facts) == ()


def test_every_check_is_tested_and_problems_come_first() -> None:
    assert {check for check, *_ in FIRES} == set(CHECKS)
    facts = replace(SOUND, packages=dali(None), memory=replace(SOUND.memory, free=10**9))
    assert [finding.kind for finding in find_all(facts)] == ["problem", "hint"]


@pytest.mark.parametrize(("quota", "threads"), [(2.0, 2), (2.5, 3), (None, 8)])
def test_as_many_threads_as_a_container_allows_are_fine(quota: float | None, threads: int) -> None:
    facts = replace(SOUND, processor=replace(SOUND.processor, quota=quota), threads=Threads(count=threads, reason=""))
    assert list(checks.threads_are_many(facts)) == []

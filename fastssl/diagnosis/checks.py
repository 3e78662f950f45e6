"""Findings: what is in the way on a machine, and what to do about it.

Covers: one small function for each, from facts to a finding or nothing. Does not cover: gathering facts, mending.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from fastssl.instructions import LIMITS, without_bf16

from .facts import Facts, Finding, Package
from .graphics import why_no_gpu
from .packages import is_older

GIGABYTE = 10**9
LEAST_DISK = GIGABYTE
"""Bytes below which a disk is nearly full: a run of MoCo with a ResNet-18 writes 0.3 GB, and decoded images more."""
LEAST_MEMORY = 2 * GIGABYTE
"""Bytes below which memory is scarce: a training with a ResNet-18 at 28 px takes 1.2 GB."""
LEAST_SWAPPED = 0.02
"""Of the installed memory, the share from which swapped memory is worth a word."""
LEAST_SHARED = 256 * 10**6
"""Bytes of /dev/shm: containers have 64 MB unless more is asked for."""
OLDEST_CAPABILITY = (8, 0)
"""Of GPUs that run the Triton kernels."""

Findings = Iterator[Finding]


def find_all(facts: Facts) -> tuple[Finding, ...]:
    """Judge all facts.

    Args:
        facts: about a machine.

    Returns:
        Problems, then hints.
    """
    found = [finding for check in CHECKS for finding in check(facts)]
    return tuple(sorted(found, key=lambda finding: finding.kind != "problem"))


def packages_that_fail(facts: Facts) -> Findings:
    """Find packages that are there and cannot be imported."""
    for package in facts.packages:
        if package.problem:
            again = f"pip install --force-reinstall {package.name}"
            kind = "problem" if package.needed else "hint"
            yield _finding(
                kind, f"{package.name} {package.version or ''} cannot be imported ({package.problem}): {again}"
            )


def packages_that_are_missing(facts: Facts) -> Findings:
    """Find needed packages that are not installed."""
    for package in facts.packages:
        if package.needed and package.version is None and not package.problem:
            yield _finding("problem", f"{package.name} is not installed: pip install {_wanted(package)}")


def packages_that_are_old(facts: Facts) -> Findings:
    """Find packages older than fastssl takes."""
    for package in facts.packages:
        if package.version and package.least and is_older(package.version, package.least):
            text = f"{package.name} {package.version} is older than {package.least}: pip install {_wanted(package)}"
            yield _finding("problem" if package.needed else "hint", text)


def graphics_that_are_not_used(facts: Facts) -> Findings:
    """Find a driver of NVIDIA's whose GPU PyTorch cannot use."""
    graphics = facts.graphics
    if graphics.driver is None or graphics.gpus or not _has(facts, "torch"):
        return
    why = why_no_gpu(graphics)
    if why.startswith("hidden"):
        yield _finding("hint", f"the GPU is {why}: unset it to use the GPU")
    elif graphics.cuda is None:
        yield _finding("problem", f"{why}: install PyTorch with CUDA (pytorch.org says how)")
    else:
        yield _finding("problem", f"{why}: update the driver, or give the container the GPU (--gpus all)")


def graphics_that_are_old(facts: Facts) -> Findings:
    """Find GPUs that do not run the Triton kernels."""
    for gpu in facts.graphics.gpus:
        if tuple(map(int, gpu.capability.split("."))) < OLDEST_CAPABILITY:
            text = f"{gpu.name} has compute capability {gpu.capability}: kernels run as PyTorch's operations"
            yield _finding("hint", f"{text}; Triton's need 8.0")


def dali_is_missing(facts: Facts) -> Findings:
    """Find a GPU without DALI."""
    if facts.graphics.gpus and any("dali" in package.name and not package.version for package in facts.packages):
        text = "NVIDIA DALI is not installed, so that PyTorch augments the images on the GPU"
        yield _finding("hint", f"{text}: pip install nvidia-dali-cuda130")


def no_compiler(facts: Facts) -> Findings:
    """Find a step that is compiled by default, and nothing to compile it with."""
    compiled = any(switch.name == "compile" and switch.value == "on" for switch in facts.switches)
    compiler = facts.compiler
    if compiler is None:
        return
    if "torch.compile fails" in compiler.reason:
        yield _finding("problem" if compiled else "hint", compiler.reason.partition("; ")[2])
    elif compiled and (compiler.value == "none" or "missing" in compiler.reason):
        what = "C++ compiler" if compiler.value == "none" else "headers of Python"
        yield _finding("problem", f"torch.compile finds no {what}: install g++ and python3-dev, or give --no-compile")


def threads_are_few(facts: Facts) -> Findings:
    """Find fewer threads than processors because a variable says so."""
    named = [name for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS") if name in facts.variables]
    room = _processors(facts)
    if facts.threads and named and facts.threads.count < room and not facts.graphics.gpus:
        name = named[0]
        text = f"{name}={facts.variables[name]} holds PyTorch to {facts.threads.count} of {room} processors: unset it"
        yield _finding("hint", text)


def threads_are_many(facts: Facts) -> Findings:
    """Find more threads than a container lets run at once: they wait for each other at every step."""
    quota = facts.processor.quota
    if facts.threads and quota is not None and facts.threads.count > math.ceil(quota):
        few = max(1, math.floor(quota))
        text = f"{facts.threads.count} threads share {quota:g} processors, which is all that the container allows: "
        yield _finding("problem", f"{text}set OMP_NUM_THREADS={few}, or give --threads {few}")


def instructions_are_held_back(facts: Facts) -> Findings:
    """Find a processor that multiplies bf16, and a variable that forbids it."""
    has = {"avx512_bf16", "amx_bf16"} & set(facts.processor.instructions)
    if has and without_bf16(facts.variables):
        name = next(name for name in LIMITS if facts.variables.get(name))
        text = f"{name}={facts.variables[name]} keeps this processor from multiplying bf16: unset it"
        yield _finding("hint", text)


def memory_is_swapped(facts: Facts) -> Findings:
    """Find memory on a disk."""
    memory = facts.memory
    if memory.swapped and memory.installed and memory.swapped > LEAST_SWAPPED * memory.installed:
        text = f"{_gigabytes(memory.swapped)} of memory are swapped to a disk, which training may wait for"
        yield _finding("hint", f"{text}: end other programs")


def memory_is_scarce(facts: Facts) -> Findings:
    """Find little free memory."""
    free = facts.memory.free
    if free is not None and free < LEAST_MEMORY:
        text = f"only {_gigabytes(free)} of memory are free: end other programs"
        yield _finding("problem", f"{text}; fastssl estimate says what a training takes")


def shared_memory_is_small(facts: Facts) -> Findings:
    """Find a container's default of /dev/shm."""
    shared = facts.memory.shared
    if shared is not None and shared < LEAST_SHARED:
        text = f"/dev/shm has {shared / 1e6:.0f} MB, too little for several GPUs and for other libraries' loaders: "
        yield _finding("hint", f"{text}docker run --shm-size=1g")


def places_without_permission(facts: Facts) -> Findings:
    """Find folders that cannot be written."""
    instead = {
        "runs (here)": "work in another folder, or give --out",
        "decoded images": "set FASTSSL_CACHE to a folder of your own",
        "MedMNIST files": "give --data-root",
        "temporary": "set TMPDIR to a folder of your own",
    }
    for place in facts.places:
        if not place.writable:
            yield _finding("problem", f"{place.name}: no permission to write in {place.path}: {instead[place.name]}")


def disks_that_are_full(facts: Facts) -> Findings:
    """Find folders on disks that are nearly full."""
    for place in facts.places:
        if place.free is not None and place.free < LEAST_DISK:
            yield _finding(
                "problem", f"{place.name}: {place.free / 1e6:,.0f} MB are free in {place.path}: free some space"
            )


def triton_is_interpreted(facts: Facts) -> Findings:
    """Find a variable that is for tests alone."""
    if facts.variables.get("TRITON_INTERPRET") == "1":
        yield _finding(
            "problem" if facts.graphics.gpus else "hint", "TRITON_INTERPRET=1 runs kernels in Python: unset it"
        )


CHECKS: tuple[Callable[[Facts], Findings], ...] = (
    packages_that_fail,
    packages_that_are_missing,
    packages_that_are_old,
    graphics_that_are_not_used,
    graphics_that_are_old,
    dali_is_missing,
    no_compiler,
    threads_are_few,
    threads_are_many,
    instructions_are_held_back,
    memory_is_swapped,
    memory_is_scarce,
    shared_memory_is_small,
    places_without_permission,
    disks_that_are_full,
    triton_is_interpreted,
)
"""In the order in which they matter."""


def _finding(kind: str, text: str) -> Finding:
    return Finding(kind="problem" if kind == "problem" else "hint", text=" ".join(text.split()))


def _processors(facts: Facts) -> int:
    quota = facts.processor.quota
    return facts.processor.allowed if quota is None else max(1, min(facts.processor.allowed, math.floor(quota)))


def _has(facts: Facts, name: str) -> bool:
    return any(package.name == name and package.version and not package.problem for package in facts.packages)


def _wanted(package: Package) -> str:
    return f"'{package.name}>={package.least}'" if package.least else package.name


def _gigabytes(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB"

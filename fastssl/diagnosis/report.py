"""A diagnosis as lines for a person.

Covers: problems first, then facts in aligned lines. Does not cover: JSON (`facts.py`), leaving out names
(`privacy.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from .facts import Diagnosis, Facts, Place
from .graphics import why_no_gpu

GIGABYTE = 1e9


def diagnosis_lines(diagnosis: Diagnosis) -> list[str]:
    """Write a diagnosis.

    Args:
        diagnosis: without names.

    Returns:
        The lines.
    """
    facts = diagnosis.facts
    lines = [f"{finding.kind}: {finding.text}" for finding in diagnosis.findings] or ["no problem was found"]
    lines.append(f"fastssl {facts.fastssl}, Python {facts.python}, {facts.system}")
    lines += [_line(*row) for row in _machine(facts)]
    lines += [_line(switch.name, switch.value, switch.reason) for switch in facts.switches]
    lines += [_line(*row) for row in _kernels(facts)]
    if facts.compiler is not None:
        lines.append(_line("compiler", facts.compiler.value, facts.compiler.reason))
    lines += [_line(*row) for row in _packages(facts)]
    lines += [_line(place.name, "", _place(place)) for place in facts.places]
    told = ", ".join(f"{name}={value}" for name, value in facts.variables.items())
    return [*lines, _line("environment", "", told or "no variable that changes anything")]


def _machine(facts: Facts) -> Iterator[tuple[str, str, str]]:
    processor, memory = facts.processor, facts.memory
    kind = f"family {processor.family} model {processor.model}, " if processor.family else ""
    allowed = f"{processor.allowed} to run on"
    quota = f", {processor.quota:g} allowed by the container" if processor.quota is not None else ""
    sets = " ".join(processor.instructions) or "instruction sets not told"
    yield "processor", "", f"{processor.name}, {kind}{sets}; {allowed}{quota}"
    if facts.threads is not None:
        yield "threads", str(facts.threads.count), facts.threads.reason
    parts = [("installed", memory.installed), ("free", memory.free), ("the container's limit", memory.limit)]
    parts += [("swapped", memory.swapped or None), ("in /dev/shm", memory.shared)]
    yield "memory", "", ", ".join(f"{count / GIGABYTE:.1f} GB {what}" for what, count in parts if count is not None)
    for gpu in facts.graphics.gpus:
        told = f"compute capability {gpu.capability}, {gpu.memory / GIGABYTE:.1f} GB"
        yield "GPU", "", f"{gpu.name}, {told}, driver {facts.graphics.driver}, CUDA {facts.graphics.cuda}"
    if not facts.graphics.gpus:
        yield "GPU", "none", why_no_gpu(facts.graphics)


def _kernels(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """One line for all kernels that run alike for one reason."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for switch in facts.kernels:
        grouped.setdefault((switch.value, switch.reason), []).append(switch.name)
    for (value, reason), names in grouped.items():
        yield "kernels", value, f"{', '.join(names)}: {reason}"


def _packages(facts: Facts) -> Iterator[tuple[str, str, str]]:
    there = [f"{package.name} {package.version}" for package in facts.packages if package.version]
    yield "packages", "", ", ".join(there)
    for package in facts.packages:
        if package.version is None and not package.needed:
            yield "not there", "", f"{package.name}: {package.brings}"


def _place(place: Place) -> str:
    free = "" if place.free is None else f", {place.free / GIGABYTE:,.1f} GB free"
    return f"{place.path}{free}{'' if place.writable else ', cannot be written'}"


def _line(name: str, value: str, reason: str) -> str:
    return f"  {name:<15} {value + '  ' if value else ''}{reason}".rstrip()

"""What a variant may use. Covers: reading, writing and judging against `aot_budget.json`. Does not cover: compiling.

Each minor version of Triton has a budget of its own. By that of 3.8, 55 of 321 variants fail as 3.6 compiles them and
30 as 3.7 does: more registers, a few KB more shared memory, or 8 to 16 bytes of spill.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import triton

from fastssl.kernels.aot.compile import Compiled
from fastssl.kernels.aot.variants import Variant

FILE = Path(__file__).parents[1] / "aot_budget.json"
SHARED_LIMIT = {80: 166_912, 90: 232_448, 100: 232_448}  # bytes one program may ask for
REGISTER_FILE = 65_536
RESERVED_SHARED = 1_024  # per program, by the driver
REGISTER_ROOM = 8  # for the patch releases of one minor version, and the ptxas that they bring


class BudgetEntry(TypedDict):
    """One variant's line. registers, shared: the most allowed; compiled_registers: those that were seen."""

    registers: int
    compiled_registers: int
    shared: int
    spill: int
    tensor_cores: str


class BudgetSection(TypedDict):
    """The budget of one minor version of Triton: what it was compiled with, and each variant's line."""

    compiled_with: str
    variants: dict[str, BudgetEntry]


def problems(variant: Variant, compiled: Compiled, budget: dict[str, BudgetEntry]) -> list[str]:
    """Why this variant must not pass; empty if it may."""
    found = []
    allowed = budget.get(key(variant))
    if compiled.spill > (0 if variant.tensor_cores or allowed is None else allowed["spill"]):
        found.append(f"spills {compiled.spill} bytes")
    if variant.tensor_cores and not compiled.tensor_cores:
        found.append("multiplies without tensor cores")
    if compiled.shared > SHARED_LIMIT[variant.architecture]:
        found.append(f"asks for {compiled.shared} bytes of shared memory, more than a program gets")
    if compiled.registers * 32 * variant.warps * variant.resident > REGISTER_FILE:
        found.append(f"{variant.resident} programs do not fit the register file")
    if (compiled.shared + RESERVED_SHARED) * variant.resident > SHARED_LIMIT[variant.architecture] + RESERVED_SHARED:
        found.append(f"{variant.resident} programs do not fit the shared memory")
    if allowed is None:
        found.append("has no budget: run python -m fastssl.kernels.aot --update")
    else:
        found += [
            f"uses {value} {name}, the budget is {limit}"
            for name, value, limit in (
                ("registers", compiled.registers, allowed["registers"]),
                ("shared", compiled.shared, allowed["shared"]),
            )
            if value > limit
        ]
        if compiled.tensor_cores != allowed["tensor_cores"]:
            found.append(f"multiplies with {compiled.tensor_cores!r}, the budget says {allowed['tensor_cores']!r}")
    return found


def key(variant: Variant) -> str:
    """The variant's name in the budget file."""
    return f"sm_{variant.architecture} {variant.name}"


def entry(compiled: Compiled) -> BudgetEntry:
    """A budget with room above what was compiled."""
    return {
        "registers": min(255, compiled.registers + REGISTER_ROOM),
        "compiled_registers": compiled.registers,
        "shared": compiled.shared,
        "spill": compiled.spill,
        "tensor_cores": compiled.tensor_cores,
    }


def sections() -> dict[str, BudgetSection]:
    """The checked budgets, by minor version of Triton ("3.8"), the oldest first."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def load() -> dict[str, BudgetEntry]:
    """The budget of the Triton that is installed, or of the newest known where that one is newer, by variant."""
    known = sections()
    return known.get(minor(triton.__version__), known[max(known, key=_order)])["variants"]


def save(entries: dict[str, BudgetEntry]) -> None:
    """Write the installed Triton's section anew, one variant to a line, so that a change shows as one changed line."""
    fresh: BudgetSection = {"compiled_with": f"triton {triton.__version__}", "variants": entries}
    known = (sections() if FILE.exists() else {}) | {minor(triton.__version__): fresh}
    FILE.write_text(
        "{\n" + ",\n".join(_section_text(name, known[name]) for name in sorted(known, key=_order)) + "\n}\n",
        encoding="utf-8",
    )


def minor(version: str) -> str:
    """Name the minor version of a version.

    >>> minor("3.7.1")
    '3.7'
    """
    return ".".join(version.split(".")[:2])


def _order(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split(".")))


def _section_text(name: str, section: BudgetSection) -> str:
    head = f'{json.dumps(name)}: {{"compiled_with": {json.dumps(section["compiled_with"])}, "variants": {{\n'
    return (
        head
        + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in section["variants"].items())
        + "\n}}"
    )

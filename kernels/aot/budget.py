"""What a variant may use. Covers: reading, writing and judging against `aot_budget.json`. Does not cover: compiling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

from fastssl.kernels.aot.compile import Compiled
from fastssl.kernels.aot.variants import Variant

FILE = Path(__file__).parents[1] / "aot_budget.json"
SHARED_LIMIT = {80: 166_912, 90: 232_448, 100: 232_448}  # bytes one program may ask for
REGISTER_FILE = 65_536
RESERVED_SHARED = 1_024  # per program, by the driver
# Room for the compilers of triton 3.6 to 3.8: the same tile took 193 registers with 3.7.1 and 203 with 3.8.0.
REGISTER_ROOM = 16


class Entry(TypedDict):
    """One variant's line. registers, shared: the most allowed; compiled_registers: those that were seen."""

    registers: int
    compiled_registers: int
    shared: int
    spill: int
    tensor_cores: str


def problems(variant: Variant, compiled: Compiled, budget: dict[str, Entry]) -> list[str]:
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


def entry(compiled: Compiled) -> Entry:
    """A budget with room above what was compiled."""
    return {
        "registers": min(255, compiled.registers + REGISTER_ROOM),
        "compiled_registers": compiled.registers,
        "shared": compiled.shared,
        "spill": compiled.spill,
        "tensor_cores": compiled.tensor_cores,
    }


def load() -> dict[str, Entry]:
    """The checked budget, by variant."""
    return json.loads(FILE.read_text(encoding="utf-8"))["variants"]


def save(entries: dict[str, Entry], compiler: str) -> None:
    """Write the budget, one variant to a line, so that a change shows as one changed line in review."""
    head = f'{{\n"compiled_with": {json.dumps(compiler)},\n"variants": {{\n'
    lines = [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in entries.items()]
    FILE.write_text(head + ",\n".join(lines) + "\n}\n}\n", encoding="utf-8")
